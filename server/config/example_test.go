package config

import (
	"reflect"
	"regexp"
	"testing"
)

// TestExampleFull holds inside53.yaml to its promise: every key, with its default.
func TestExampleFull(t *testing.T) {
	got, err := Load("../../examples/inside53.yaml")
	if err != nil {
		t.Fatal(err)
	}
	shown := make(map[string]bool)
	for path := range got.lines {
		shown[regexp.MustCompile(`\[\d+\]`).ReplaceAllString(path, "")] = true
	}
	for _, key := range allKeys() {
		if !shown[key] {
			t.Errorf("%s is not in the example", key)
		}
	}

	want := Default()
	want.Route53, want.EC2, want.HealthChecks = new(Route53), new(EC2), new(HealthChecks)
	want.HealthChecks.setDefaults()
	want.Route53.setDefaults()
	want.EC2.setDefaults()
	want.Allow.VPCs = true // the default with ec2
	// These have no default; of their first entries each key that has one shows it.
	want.AWS.Accounts, want.ZoneFiles, want.Views, want.Forward = got.AWS.Accounts, got.ZoneFiles, got.Views, got.Forward
	want.Fleet = new(Fleet)
	want.Fleet.setDefaults()
	want.Fleet.Store, want.Fleet.Keys = got.Fleet.Store, got.Fleet.Keys
	want.Keys, want.Updates, want.Transfers, want.Secondary = got.Keys, got.Updates, got.Transfers, got.Secondary
	want.Follow, want.Register = got.Follow, got.Register
	if !reflect.DeepEqual(plain(got), want) {
		t.Errorf("the example states other values than the defaults\n got %+v\nwant %+v", plain(got), want)
	}
	if a := got.AWS.Accounts[0]; a != (Account{Name: a.Name, RoleARN: a.RoleARN}) {
		t.Errorf("the first account does not show the defaults: %+v", a)
	}
	var file ZoneFile
	file.setDefaults()
	file.Origin, file.File = got.ZoneFiles[0].Origin, got.ZoneFiles[0].File
	if !reflect.DeepEqual(got.ZoneFiles[0], file) {
		t.Errorf("the first zone file does not show the defaults: %+v", got.ZoneFiles[0])
	}
	var view View
	view.setDefaults()
	view.Name, view.Clients, view.VPCs = got.Views[0].Name, got.Views[0].Clients, got.Views[0].VPCs
	if !reflect.DeepEqual(got.Views[0], view) {
		t.Errorf("the first view does not show the defaults: %+v", got.Views[0])
	}
	var key Key
	key.setDefaults()
	key.Name, key.SecretFile = got.Keys[0].Name, got.Keys[0].SecretFile
	if !reflect.DeepEqual(got.Keys[0], key) {
		t.Errorf("the first key does not show the defaults: %+v", got.Keys[0])
	}
	var entry Update
	entry.setDefaults()
	first := got.Updates[0]
	entry.Zone, entry.Visibility, entry.Keys, entry.Clients = first.Zone, first.Visibility, first.Keys, first.Clients
	if !reflect.DeepEqual(got.Updates[0], entry) || len(entry.Clients) > 0 {
		t.Errorf("the first update does not show the defaults: %+v", got.Updates[0])
	}
	var transfer Transfer
	transfer.setDefaults()
	transfer.View, transfer.Clients = got.Transfers[0].View, got.Transfers[0].Clients
	if !reflect.DeepEqual(plain(&Config{Transfers: got.Transfers}).Transfers[0], transfer) {
		t.Errorf("the first transfer does not show the defaults: %+v", got.Transfers[0])
	}
	var secondary Secondary
	secondary.setDefaults()
	secondary.Zone, secondary.Primaries = got.Secondary[0].Zone, got.Secondary[0].Primaries
	if !reflect.DeepEqual(got.Secondary[0], secondary) {
		t.Errorf("the first secondary zone does not show the defaults: %+v", got.Secondary[0])
	}
	var followed Follow
	followed.setDefaults()
	followed.Zone, followed.Primaries, followed.Into = got.Follow[0].Zone, got.Follow[0].Primaries, got.Follow[0].Into
	if !reflect.DeepEqual(got.Follow[0], followed) {
		t.Errorf("the first followed zone does not show the defaults: %+v", got.Follow[0])
	}
	var register Register
	register.setDefaults()
	register.Names = got.Register[0].Names
	if !reflect.DeepEqual(got.Register[0], register) {
		t.Errorf("the first registered names do not show the defaults: %+v", got.Register[0])
	}
	var forward Forward
	forward.setDefaults()
	forward.Zone, forward.Upstreams = got.Forward[0].Zone, got.Forward[0].Upstreams
	if !reflect.DeepEqual(got.Forward[0], forward) {
		t.Errorf("the first forwarder does not show the defaults: %+v", got.Forward[0])
	}
}
