package server

import (
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"inside53/server/config"
	"inside53/zonesource/health"
	"inside53/zonesource/rdata"

	"github.com/miekg/dns"
)

// allKeys returns every key of the configuration that has a value of its own.
func allKeys() []string {
	var keys []string
	var walk func(t reflect.Type, path string) bool
	walk = func(t reflect.Type, path string) bool {
		for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
			t = t.Elem()
		}
		section := false
		for i := 0; t.Kind() == reflect.Struct && i < t.NumField(); i++ {
			key, _, _ := strings.Cut(t.Field(i).Tag.Get("yaml"), ",")
			if key == "" {
				continue
			}
			section = true
			full := strings.TrimPrefix(path+"."+key, ".")
			if !walk(t.Field(i).Type, full) {
				keys = append(keys, full)
			}
		}
		return section
	}
	walk(reflect.TypeFor[config.Config](), "")
	return keys
}

// TestProbeTargets: what the configuration accepts and refuses is what the prober does.
func TestProbeTargets(t *testing.T) {
	for _, text := range []string{
		"private", "public", "any", "10.0.0.0/8", "127.0.0.1/32", "::1/128", "0.0.0.0/0", "::/0", "fc00::/7", "fe00::/8",
		"64:ff9b::/96",
		"0.0.0.0/8", "0.1.0.0/16", "::/128", "::/127", "169.254.0.0/16", "169.254.169.254/32", "169.252.0.0/14", "fe80::/10",
		"fe80::1/128",
		"fd00:ec2::/32", "fd00:ec2::254/128", "224.0.0.0/4", "224.0.0.0/3", "239.1.1.1/32", "ff00::/8", "ff02::1/128",
		"255.255.255.255/32",
		"192.0.2.1/24", "private ", "192.0.2.1", "loopback",
	} {
		_, err := config.Parse([]byte("route53:\nhealth_checks: {probe_targets: ['"+text+"']}\n"), "inside53.yaml")
		_, probed := health.ParseTargets([]string{text})
		if (err == nil) != (probed == nil) {
			t.Errorf("%s: the configuration says %v, the prober %v", text, err, probed)
		}
	}
}

// TestRecordTypes: what may stand in updates.types is what records are read by.
func TestRecordTypes(t *testing.T) {
	texts := []string{"TYPE65280", "TYPE1", "TYPE0", "TYPE065", "TYPE65536", "TYPE", "TYPE-1", "nothing", "None",
		"Reserved"}
	texts = slices.AppendSeq(texts, maps.Keys(dns.StringToType))
	for _, text := range texts {
		_, err := config.Parse([]byte(
			"route53:\nkeys: [{name: k, secret_file: k}]\nupdates: [{zone: Z1, keys: [k], types: ['"+text+"']}]\n"),
			"inside53.yaml")
		_, known := rdata.Type(text)
		if (err == nil) != known {
			t.Errorf("%s: the configuration says %v, records know it: %t", text, err, known)
		}
	}
}
