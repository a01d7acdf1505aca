package resolver

import (
	"net/netip"
	"slices"
	"testing"
)

// BenchmarkPolicies serves a question of each policy, beside a simple one.
func BenchmarkPolicies(b *testing.B) {
	for _, name := range []string{
		"simple", "weighted", "weighted, all unhealthy", "failover", "failover, primary unhealthy",
		"latency, the nearest region", "geolocation, the state",
		"geolocation, all unhealthy", "geoproximity, the nearest", "geoproximity, coordinates", "multivalue",
		"multivalue, nine: any eight",
		"ip-based, the client's own address", "ip-based, longest block", "tree, steps 1 and 2: the region, then by weight",
		"tree, steps 4 and 5: the branch is left",
	} {
		b.Run(name, func(b *testing.B) {
			cases := policyCases()
			i := slices.IndexFunc(cases, func(c policyCase) bool { return c.name == name })
			w, pkt := cases[i].worker(b)
			client := netip.AddrPortFrom(cases[i].asker().address, 5353)
			out := make([]byte, 0, 4096)
			s := Suspender(noSuspender{b})
			b.ReportAllocs()
			for b.Loop() {
				_, result := w.Serve(pkt, client, UDP, out, s)
				if result != Local {
					b.Fatal(result)
				}
			}
		})
	}
}
