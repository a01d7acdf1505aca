package config

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"inside53/zonesource/nametemplate"
)

// EC2 is the section ec2.
type EC2 struct {
	// Regions lists the regions to read, eu-west-1, say. Default []: aws.region.
	Regions []string `yaml:"regions"`

	// Refresh is the time from the start of one reading to the next. Default 30s.
	Refresh time.Duration `yaml:"refresh"`

	// Names lists templates of the names of instances; see package nametemplate. The
	// words tag (the tag of name_tag), Name (the tag Name, where that one gives none)
	// and security-group (the names of the groups) are templates too. [] names none.
	// Default [tag, Name].
	Names []NameTemplate `yaml:"names"`

	// NameTag is the key of the tag that holds host names, separated by commas.
	// Default dns.
	NameTag string `yaml:"name_tag"`

	// Zone is the zone where these names live. {region}, {vpc} and {account} in
	// it stand for the instance's. Default "internal.".
	Zone ZoneTemplate `yaml:"zone"`

	// Domains lists suffixes in which names may lie besides the zones of ours.
	// Default [].
	Domains []DomainName `yaml:"domains"`

	// Affinity says what becomes of members of a name in other availability zones
	// than the client's: off, prefer (its own come first), strict (its own alone,
	// where there are some). Default "off".
	Affinity Affinity `yaml:"affinity"`

	// Health lists what takes an unhealthy instance out of a name that has healthy
	// ones: status (EC2's status checks), targets (target groups), lifecycle (of
	// auto scaling), probe (the tag dns-check). Default []: nobody is asked.
	Health []NameHealth `yaml:"health"`

	// Translate lists whose public addresses become private ones in answers:
	// instances, load_balancers. [] translates none. Default [instances].
	Translate []Translated `yaml:"translate"`

	// TranslatedTTL caps how long clients may keep a translated address, in whole
	// seconds. Default 30s.
	TranslatedTTL time.Duration `yaml:"translated_ttl"`

	// MaxAge is the age of a region's data at which its addresses are translated
	// no longer: an elastic IP may have moved meanwhile. Default 1h.
	MaxAge time.Duration `yaml:"max_age"`
}

func (s *EC2) setDefaults() {
	*s = EC2{
		Refresh:       30 * time.Second,
		Names:         []NameTemplate{nametemplate.WordTag, nametemplate.WordName},
		NameTag:       "dns",
		Zone:          "internal.",
		Affinity:      AffinityOff,
		Translate:     []Translated{TranslateInstances},
		TranslatedTTL: 30 * time.Second,
		MaxAge:        time.Hour,
	}
}

// NameTemplate is an item of ec2.names.
type NameTemplate string

func (n *NameTemplate) parse(text string) error {
	if !nametemplate.IsWord(text) {
		_, err := nametemplate.Parse(text)
		if err != nil {
			return err
		}
	}
	*n = NameTemplate(text)
	return nil
}

// Affinity is the value of ec2.affinity.
type Affinity string

// The values of [Affinity].
const (
	AffinityOff    Affinity = "off"
	AffinityPrefer Affinity = "prefer"
	AffinityStrict Affinity = "strict"
)

func (a *Affinity) parse(text string) error {
	return parseWord(a, text, AffinityOff, AffinityPrefer, AffinityStrict)
}

// NameHealth is an item of ec2.health.
type NameHealth string

// The values of [NameHealth].
const (
	HealthOfStatus    NameHealth = "status"
	HealthOfTargets   NameHealth = "targets"
	HealthOfLifecycle NameHealth = "lifecycle"
	HealthByProbe     NameHealth = "probe"
)

func (h *NameHealth) parse(text string) error {
	return parseWord(h, text, HealthOfStatus, HealthOfTargets, HealthOfLifecycle, HealthByProbe)
}

// Translated is an item of ec2.translate.
type Translated string

// The values of [Translated].
const (
	TranslateInstances     Translated = "instances"
	TranslateLoadBalancers Translated = "load_balancers"
)

func (t *Translated) parse(text string) error {
	return parseWord(t, text, TranslateInstances, TranslateLoadBalancers)
}

// ZoneTemplate is a zone name in which {region}, {vpc} and {account} may stand.
// It is lower case and has its last dot.
type ZoneTemplate string

// Name returns the zone for an instance of that region, VPC and account.
func (t ZoneTemplate) Name(region, vpc, account string) string {
	return strings.NewReplacer("{region}", region, "{vpc}", vpc, "{account}", account).Replace(string(t))
}

func (t *ZoneTemplate) parse(text string) error {
	template := ZoneTemplate(strings.ToLower(text))
	// The longest values that stand for them, so that the bounds on labels hold.
	sample := template.Name("ap-southeast-99", "vpc-0123456789abcdef0", "123456789012")
	if strings.ContainsAny(sample, "{}") {
		return fmt.Errorf("%q has an unknown placeholder; known are {region}, {vpc} and {account}", text)
	}
	_, err := canonicalName(sample)
	if err != nil {
		return err
	}
	*t = template
	if !strings.HasSuffix(string(template), ".") {
		*t += "."
	}
	return nil
}

func (v *validator) ec2(c *EC2) {
	for i, name := range c.Regions {
		path := fmt.Sprintf("ec2.regions[%d]", i)
		v.region(path, name)
		if name != "" && slices.Contains(c.Regions[:i], name) {
			v.fault(path, "%s is here twice", name)
		}
	}
	v.duration("ec2.refresh", c.Refresh, false)
	for i, name := range c.Names {
		if name != "" && slices.Contains(c.Names[:i], name) {
			v.fault(fmt.Sprintf("ec2.names[%d]", i), "%s is here twice", name)
		}
	}
	for i, name := range c.Domains {
		path := fmt.Sprintf("ec2.domains[%d]", i)
		switch {
		case name == ".":
			v.fault(path, "is the root: every name lies in it")
		case slices.Contains(c.Domains[:i], name):
			v.fault(path, "%s is here twice", name)
		}
	}
	for i, source := range c.Health {
		if source != "" && slices.Contains(c.Health[:i], source) {
			v.fault(fmt.Sprintf("ec2.health[%d]", i), "%s is here twice", source)
		}
	}
	if !tagKey.MatchString(c.NameTag) || strings.TrimSpace(c.NameTag) == "" {
		v.fault("ec2.name_tag", "%q is no key of a tag; write dns, say", c.NameTag)
	}
	if c.Zone == "" || c.Zone == "." {
		v.fault("ec2.zone", `is the root or empty; write a zone like "internal.", and names: [] for no names`)
	}
	for i, kind := range c.Translate {
		if kind != "" && slices.Contains(c.Translate[:i], kind) {
			v.fault(fmt.Sprintf("ec2.translate[%d]", i), "%s is here twice", kind)
		}
	}
	v.ttl("ec2.translated_ttl", c.TranslatedTTL, false)
	v.duration("ec2.max_age", c.MaxAge, false)
	if c.MaxAge >= 100*time.Millisecond && c.MaxAge < c.Refresh {
		v.fault("ec2.max_age", "%s is shorter than refresh (%s); nothing would be translated between two readings",
			c.MaxAge, c.Refresh)
	}
}
