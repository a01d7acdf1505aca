package changes

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"inside53/zonesource/awscall"
	"inside53/zonesource/awsclient"
	"inside53/zonesource/awssim"
)

// cloud is a simulator with zones of example.com, one public (Z1PUB) and two private
// ones (Z2PRV of vpc-1, Z3PRV of vpc-2), and a client of it.
type cloud struct {
	*Client
	t   *testing.T
	sim *awssim.Sim
}

const zoneList = `{"HostedZones": [
{"Id": "/hostedzone/Z1PUB", "Name": "example.com.", "CallerReference": "1", "Config": {"PrivateZone": false}},
{"Id": "/hostedzone/Z2PRV", "Name": "example.com.", "CallerReference": "2",
	"Config": {"PrivateZone": true, "Comment": "first"}},
{"Id": "/hostedzone/Z3PRV", "Name": "example.com.", "CallerReference": "3", "Config": {"PrivateZone": true}},
{"Id": "/hostedzone/Z4ONE", "Name": "one.example.", "CallerReference": "4"},
{"Id": "/hostedzone/Z5SUB", "Name": "sub.example.com.", "CallerReference": "5"}]}`

func newCloud(t *testing.T, o awssim.Options, options Options) *cloud {
	t.Helper()
	dir := t.TempDir()
	put := func(name, text string) {
		path := filepath.Join(dir, "route53", name)
		err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(text), 0o600))
		if err != nil {
			t.Fatal(err)
		}
	}
	put("list-hosted-zones.json", zoneList)
	for id, name := range map[string]string{"Z1PUB": "example.com.", "Z2PRV": "example.com.", "Z3PRV": "example.com.",
		"Z4ONE": "one.example.", "Z5SUB": "sub.example.com."} {
		put(id+"/list-resource-record-sets.json", `{"ResourceRecordSets": [
			{"Name": "`+name+`", "Type": "NS", "TTL": 172800, "ResourceRecords": [{"Value": "ns-1.example.net."}]},
			{"Name": "`+name+`", "Type": "SOA", "TTL": 900, "ResourceRecords": [
				{"Value": "ns-1.example.net. h.example.net. 1 7200 900 1209600 86400"}]}]}`)
	}
	put("Z2PRV/get-hosted-zone.json", `{"HostedZone": {"Id": "/hostedzone/Z2PRV", "Name": "example.com.", `+
		`"CallerReference": "2"}, "VPCs": [{"VPCRegion": "eu-west-1", "VPCId": "vpc-1"}]}`)
	put("Z3PRV/get-hosted-zone.json", `{"HostedZone": {"Id": "/hostedzone/Z3PRV", "Name": "example.com.", `+
		`"CallerReference": "3"}, "VPCs": [{"VPCRegion": "us-east-1", "VPCId": "vpc-2"}]}`)
	o.Data = os.DirFS(dir)
	o.Reads, o.Changes = awssim.Unlimited(), awssim.Unlimited()
	sim, err := awssim.New(o)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(sim)
	t.Cleanup(server.Close)
	config := aws.Config{Region: "eu-west-1", BaseEndpoint: aws.String(server.URL),
		Credentials: credentials.NewStaticCredentialsProvider("AKIA", "secret", "")}
	if options.Poll == 0 {
		options.Poll = time.Millisecond
	}
	a := &awsclient.Account{Config: config, Budget: awscall.NewBudget(1000), Changes: awscall.NewBudget(500)}
	return &cloud{New(a, options), t, sim}
}

func (c *cloud) fault(f awssim.Fault) {
	c.t.Helper()
	err := c.sim.AddFaults(f)
	if err != nil {
		c.t.Fatal(err)
	}
}

func (c *cloud) zone(id string) Zone {
	c.t.Helper()
	z, err := c.Zone(c.t.Context(), id)
	if err != nil {
		c.t.Fatal(err)
	}
	return z
}

// submit makes the zone of an id have the sets besides its own.
func (c *cloud) submit(id string, wanted ...string) (string, error) {
	c.t.Helper()
	z := c.zone(id)
	current, err := c.Records(c.t.Context(), z)
	if err != nil {
		c.t.Fatal(err)
	}
	p := NewPlan(z, current, sets(c.t, wanted...), true)
	batches, err := Split(p.Units())
	if err != nil || len(batches) != 1 {
		c.t.Fatalf("%d batches, %v", len(batches), err)
	}
	return c.Submit(c.t.Context(), z, batches[0])
}

// has checks the records of the zone besides SOA and NS.
func (c *cloud) has(id string, want ...string) {
	c.t.Helper()
	z := c.zone(id)
	all, err := c.Records(c.t.Context(), z)
	if err != nil {
		c.t.Fatal(err)
	}
	wanted := sets(c.t, want...)
	all = slices.DeleteFunc(all, func(r RecordSet) bool { return z.Own(&r) })
	if !slices.EqualFunc(all, wanted, func(a, b RecordSet) bool { return Equal(&a, &b) }) {
		var got []string
		for i := range all {
			got = append(got, shown(&all[i]))
		}
		c.t.Errorf("zone %s has %q, want %q", id, got, want)
	}
}

func TestFind(t *testing.T) {
	c := newCloud(t, awssim.Options{}, Options{})
	tests := []struct {
		s    Selector
		want string // an id, or the beginning of the error
	}{
		{Selector{Text: "Z2PRV"}, "Z2PRV"},
		{Selector{Text: "/hostedzone/Z2PRV"}, "Z2PRV"},
		{Selector{Text: "one.example"}, "Z4ONE"},
		{Selector{Text: "ONE.Example."}, "Z4ONE"},
		{Selector{Text: "example.com", Visibility: Public}, "Z1PUB"},
		{Selector{Text: "example.com", Visibility: Private, VPC: "vpc-2"}, "Z3PRV"},
		{Selector{Text: "example.com", VPC: "vpc-1"}, "Z2PRV"},
		{Selector{Text: "example.com"},
			"example.com is the name of 3 hosted zones; say which one, by --public, --private, --vpc or its id:\n" +
				"  Z2PRV  private  vpc-1 (eu-west-1)  \"first\"\n  Z3PRV  private  vpc-2 (us-east-1)\n  Z1PUB  public"},
		{Selector{Text: "example.com", Visibility: Private}, "example.com is the name of 2 hosted zones"},
		{Selector{Text: "one.example", Visibility: Private},
			"no such hosted zone: one.example is there as public zone Z4ONE, and not as asked for"},
		{Selector{Text: "example.com", VPC: "vpc-3"}, "no such hosted zone: example.com is there as"},
		{Selector{Text: "Z9NONE"}, "no such hosted zone: Z9NONE"},
		{Selector{Text: "com"}, "no such hosted zone: com"},
		{Selector{Text: "COM"}, "no such hosted zone: COM"},
		{Selector{Text: "a..b"}, `"a..b" is no name and no id of a hosted zone`},
	}
	for _, test := range tests {
		z, err := c.Find(t.Context(), test.s)
		got := z.ID
		if err != nil {
			got = err.Error()
		}
		if !strings.HasPrefix(got, test.want) {
			t.Errorf("%+v: %q, want %q", test.s, got, test.want)
		}
	}
	all, err := c.Zones(t.Context())
	var ids []string
	for _, z := range all {
		ids = append(ids, z.ID)
	}
	if err != nil || !slices.Equal(ids, []string{"Z2PRV", "Z3PRV", "Z1PUB", "Z5SUB", "Z4ONE"}) {
		t.Errorf("zones %q, %v", ids, err)
	}
}

func TestSubmit(t *testing.T) {
	c := newCloud(t, awssim.Options{}, Options{})
	id, err := c.submit("Z1PUB", "a A 60 192.0.2.1", "b A 60 192.0.2.2")
	if err != nil || id == "" {
		t.Fatal(id, err)
	}
	c.has("Z1PUB", "a A 60 192.0.2.1", "b A 60 192.0.2.2")
	_, err = c.submit("Z1PUB", "a A 60 192.0.2.3", "c CNAME 60 a.example.com.")
	if err != nil {
		t.Fatal(err)
	}
	c.has("Z1PUB", "a A 60 192.0.2.3", "c CNAME 60 a.example.com.")
	at, err := c.RecordsAt(t.Context(), c.zone("Z1PUB"), "a.example.com")
	if err != nil || len(at) != 1 || aws.ToString(at[0].Name) != "a.example.com." {
		t.Errorf("records at a: %d, %v", len(at), err)
	}
}

// TestRefused: what somebody else changed meanwhile is not overwritten.
func TestRefused(t *testing.T) {
	c := newCloud(t, awssim.Options{}, Options{})
	old := set(t, "a A 60 192.0.2.1")
	_, err := c.Submit(t.Context(), c.zone("Z1PUB"), Batch{{Delete, old}, {Create, set(t, "a A 60 192.0.2.2")}})
	var refused *RefusedError
	if !errors.As(err, &refused) || len(refused.Reasons) != 1 ||
		!strings.HasPrefix(err.Error(), "AWS refused the changes in public zone example.com. (Z1PUB), none of them was "+
			"made:\n  Tried to delete resource record set") {
		t.Errorf("error %v", err)
	}
	if !refused.Changed() || !strings.HasSuffix(err.Error(),
		"\nsomebody else has changed the zone meanwhile: look at it, and try again") {
		t.Errorf("error %v", err)
	}
	_, err = c.submit("Z1PUB", `\052.w NS 60 ns1.example.net`)
	if !errors.As(err, &refused) || refused.Changed() {
		t.Errorf("error %v", err)
	}
	c.has("Z1PUB")
}

func TestRepeats(t *testing.T) {
	tests := []struct {
		name   string
		fault  awssim.Fault
		calls  int    // of ChangeResourceRecordSets
		slower string // which budget
	}{
		{"throttled", awssim.Fault{Operation: "ChangeResourceRecordSets", Fault: "throttle", Count: 3}, 4, "changes"},
		{"a prior request", awssim.Fault{Operation: "ChangeResourceRecordSets", Fault: "prior-request", Count: 3}, 4, ""},
		{"not done", awssim.Fault{Operation: "ChangeResourceRecordSets", Fault: "500", Count: 1}, 2, ""},
		{"done, and the answer lost", awssim.Fault{Operation: "ChangeResourceRecordSets", Fault: "fail", Count: 1}, 1, ""},
		{"listing throttled", awssim.Fault{Operation: "ListResourceRecordSets", Fault: "throttle", Count: 2}, 1, "requests"},
		{"listing broken", awssim.Fault{Operation: "ListResourceRecordSets", Fault: "fail", Count: 2}, 1, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			results := map[string]bool{}
			c := newCloud(t, awssim.Options{}, Options{OnCall: func(_, code string) { results[code] = true }})
			c.fault(test.fault)
			_, err := c.submit("Z1PUB", "a A 60 192.0.2.1")
			if err != nil {
				t.Fatal(err)
			}
			if n := c.sim.Calls()["ChangeResourceRecordSets"]; n != test.calls {
				t.Errorf("%d batches sent, want %d", n, test.calls)
			}
			if len(results) < 2 {
				t.Errorf("results %v", results)
			}
			for name, b := range map[string]*awscall.Budget{"requests": c.account.Budget, "changes": c.account.Changes} {
				now, full := b.PerSecond()
				if (now < full) != (name == test.slower) {
					t.Errorf("%g of %g %s a second are left", now, full, name)
				}
			}
			c.has("Z1PUB", "a A 60 192.0.2.1")
		})
	}
}

// TestArrivesLate: a batch without an answer is accepted after the zone was read, so that
// the next attempt is refused.
func TestArrivesLate(t *testing.T) {
	for _, test := range []struct{ value, want string }{{"192.0.2.1", ""}, {"192.0.2.2", "it already exists"}} {
		late := false
		var c *cloud
		c = newCloud(t, awssim.Options{}, Options{OnCall: func(operation, code string) {
			if late || operation != "ListResourceRecordSets" || c.sim.Calls()["ChangeResourceRecordSets"] == 0 {
				return
			}
			late = true
			ttl := int64(60)
			_, err := c.sim.Change("Z1PUB", awssim.Change{Action: "CREATE", RecordSet: awssim.RecordSet{
				Name: "a.example.com.", Type: "A", TTL: &ttl, ResourceRecords: []awssim.ResourceRecord{{Value: test.value}},
			}})
			if err != nil {
				t.Error(err)
			}
		}})
		c.fault(awssim.Fault{Operation: "ChangeResourceRecordSets", Fault: "500", Count: 1})
		_, err := c.submit("Z1PUB", "a A 60 192.0.2.1")
		if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
			t.Errorf("%s arrives late: %v", test.value, err)
		}
		c.has("Z1PUB", "a A 60 "+test.value)
	}
}

func TestGivesUp(t *testing.T) {
	tests := []struct {
		name  string
		fault awssim.Fault
		want  string
	}{
		{"for ever throttled", awssim.Fault{Operation: "ChangeResourceRecordSets", Fault: "throttle"},
			"changing public zone example.com. (Z1PUB): operation error Route 53: ChangeResourceRecordSets"},
		{"for ever broken", awssim.Fault{Operation: "ChangeResourceRecordSets", Fault: "500"}, "InternalFailure"},
		{"not allowed", awssim.Fault{Operation: "ChangeResourceRecordSets", Fault: "access-denied"},
			"needs the IAM action route53:ChangeResourceRecordSets"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			c := newCloud(t, awssim.Options{}, Options{Patience: 50 * time.Millisecond})
			c.fault(test.fault)
			_, err := c.submit("Z1PUB", "a A 60 192.0.2.1")
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v", err)
			}
			if n := c.sim.Calls()["ChangeResourceRecordSets"]; n > submissions {
				t.Errorf("%d batches sent", n)
			}
		})
	}
}

func TestWait(t *testing.T) {
	c := newCloud(t, awssim.Options{SyncDelay: 100 * time.Millisecond}, Options{})
	first, err := c.submit("Z1PUB", "a A 60 192.0.2.1")
	if err != nil {
		t.Fatal(err)
	}
	var seen []int
	err = c.Wait(t.Context(), []string{first, "", first}, func(arrived, all int) {
		if all != 3 {
			t.Errorf("of %d", all)
		}
		seen = append(seen, arrived)
	})
	if err != nil || len(seen) < 3 || seen[0] != 0 || seen[len(seen)-1] != 3 {
		t.Errorf("progress %v, %v", seen, err)
	}
	err = c.Wait(t.Context(), []string{"CNONE"}, nil)
	if err == nil || !strings.Contains(err.Error(), "waiting for change CNONE") {
		t.Errorf("error %v", err)
	}
}

func TestCreateAndDeleteZone(t *testing.T) {
	c := newCloud(t, awssim.Options{}, Options{})
	z, id, err := c.CreateZone(t.Context(), NewZone{Name: "new.example", Comment: "x", VPC: &VPC{"vpc-1", "eu-west-1"}})
	if err != nil || id == "" || z.Name != "new.example." || !z.Private || z.Comment != "x" {
		t.Fatalf("%+v, %q, %v", z, id, err)
	}
	found, err := c.Find(t.Context(), Selector{Text: "new.example", VPC: "vpc-1"})
	if err != nil || found.ID != z.ID || found.Records != 2 {
		t.Errorf("%+v, %v", found, err)
	}
	_, err = c.DeleteZone(t.Context(), z)
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.Find(t.Context(), Selector{Text: "new.example"})
	if !errors.Is(err, ErrNoZone) {
		t.Errorf("error %v", err)
	}
	public, _, err := c.CreateZone(t.Context(), NewZone{Name: "pub.example."})
	if err != nil || public.Private || len(public.Servers) != 4 {
		t.Errorf("%+v, %v", public, err)
	}
	_, _, err = c.CreateZone(t.Context(), NewZone{Name: "a..b"})
	if err == nil {
		t.Error("a name that is none was taken")
	}
}

// TestIsUnknown: an answer that is no error of the API says that there is no such
// operation, where its status does.
func TestIsUnknown(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(server.Close)
	config := aws.Config{Region: "eu-west-1", BaseEndpoint: aws.String(server.URL),
		Credentials: credentials.NewStaticCredentialsProvider("AKIA", "secret", "")}
	calls := 0
	c := New(&awsclient.Account{Config: config, Budget: awscall.NewBudget(1000)},
		Options{OnCall: func(string, string) { calls++ }})
	_, err := c.Zones(t.Context())
	if !IsUnknown(err) || calls != 1 {
		t.Errorf("%v after %d calls", err, calls)
	}
	if IsUnknown(errors.New("another")) {
		t.Error("any error is that there is no such operation")
	}
}

// TestSteadyRecords lists again what changed while it was listed.
func TestSteadyRecords(t *testing.T) {
	c := newCloud(t, awssim.Options{}, Options{})
	_, err := c.submit("Z1PUB", "a A 60 192.0.2.1")
	if err != nil {
		t.Fatal(err)
	}
	z := c.zone("Z1PUB")
	z.Records++ // as counted before
	before := c.sim.Calls()["ListResourceRecordSets"]
	all, err := c.SteadyRecords(t.Context(), z)
	if err != nil || len(all) != 3 || c.sim.Calls()["ListResourceRecordSets"] != before+1 {
		t.Errorf("%d sets, %v", len(all), err)
	}
	c.fault(awssim.Fault{Operation: "ListResourceRecordSets", Fault: "empty", Count: 1})
	all, err = c.SteadyRecords(t.Context(), c.zone("Z1PUB"))
	if err != nil || len(all) != 3 {
		t.Errorf("%d sets after an empty page, %v", len(all), err)
	}
}

// TestCreateZoneOnce: where the answer is lost, the zone that was made is found by its
// reference, and there is no second one.
func TestCreateZoneOnce(t *testing.T) {
	t.Parallel()
	c := newCloud(t, awssim.Options{}, Options{})
	for _, n := range []NewZone{{Name: "new.example"}, {Name: "new.example", VPC: &VPC{"vpc-9", "eu-west-1"}}} {
		c.fault(awssim.Fault{Operation: "CreateHostedZone", Fault: "fail", Count: 1})
		z, id, err := c.CreateZone(t.Context(), n)
		if err != nil || id != "" || z.Name != "new.example." || z.Private != (n.VPC != nil) {
			t.Errorf("%+v: %+v, %q, %v", n, z, id, err)
		}
	}
	all, err := c.Named(t.Context(), "new.example")
	if err != nil || len(all) != 2 || all[0].Reference == all[1].Reference || c.sim.Calls()["CreateHostedZone"] != 4 {
		t.Errorf("%+v, %v, calls %v", all, err, c.sim.Calls())
	}
}
