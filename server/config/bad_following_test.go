package config

// badConfig is a configuration that has faults.
type badConfig struct {
	name string
	text string
	want string // a fault a line, without the name of the file and the "-" of the YAML
}

// badFollowing are faults of the sections follow and register.
func badFollowing(ok string) []badConfig {
	return []badConfig{
		{"register", ok + `register:
- {}
- {names: [a, a, "{id}", '*.dyn', '{x}', b.], zone: ., ttl: 1ms}
`, `2: register: needs the section ec2, which knows the instances; add it
3: register[0].names: is missing; write names like "{id}", "*.name" for all below one, or "*"
4: register[1].names[4]: "{x}" has a '{'; labels are of letters, digits, '-' and '_'; {id} is the id of the ` +
			`instance, *.name is all below a name, and "*" all of the zone
4: register[1].names[5]: "b." ends in a dot; write a name relative to the zone
4: register[1].names[1]: a is here twice
4: register[1].zone: is the root or empty; write the zone of the names
4: register[1].ttl: 1ms is not in whole seconds; write 1s`},
		{"register, a zone twice", ok + `ec2: {regions: [eu-west-1]}
register:
- {names: ["{id}", a], zone: b.example}
- {names: [b, "{id}"], zone: b.example, ttl: 1m}
- {names: ["{id}"], zone: c.example}
`, `5: register[1].names[1]: {id} of b.example. is in register[0] already; take one of them out`},
		{"query_log, a file of the state", ok + "state_dir: /tmp\nquery_log: {sample: 1, file: updates.journal}\n",
			`3: query_log.file: "updates.journal" doesn't end in .log, by which it is none of the files that state_dir ` +
				`has of its own: write one like queries.log`},
		{"follow", ok + `secondary: [{zone: z.example, primaries: [10.0.0.9]}]
follow:
- {}
- {zone: z.example, primaries: [10.0.0.9], key: a, into: example.com, names: []}
- {zone: b.example, primaries: [10.0.0.9], into: Z0123456789ABC, names: [b.example, '*.c.example']}
- {zone: b.example, primaries: [10.0.0.9], into: Z0123456789ABC}
`, `3: follow: needs the section route53, which knows the hosted zones; add it
4: follow[0].zone: is missing; write the name of the zone
4: follow[0].primaries: is missing; write the addresses of servers that have the zone
4: follow[0].into: is missing; write the id of the hosted zone
5: follow[1].key: no key a.; add it to the section keys
5: follow[1].into: example.com. is a name, which several hosted zones may have; write the id
5: follow[1].names: is empty; write names, "*.name" for all below one, or "*"
5: follow[1].zone: z.example. is the zone of secondary[0] already; take one of them out
6: follow[2].names[1]: *.c.example. is not in the zone b.example.
7: follow[3].zone: b.example. is the zone of follow[2] already; write all primaries there`},
	}
}

// badHealthChecks are the faults of health_checks.
func badHealthChecks(ok string) []badConfig {
	return []badConfig{
		{"health_checks", ok + "route53:\nhealth_checks:\n  source: cloud\n  refresh: 1ms\n  probes: 0\n  probe_targets: " +
			"[privat, localhost, 10.0.0.1, 10.0.0.1/8, 169.254.0.0/16, private, private]\n",
			`4: health_checks.source: "cloud" is unknown; known are aws, local, both, off
5: health_checks.refresh: 1ms is too short; write 100ms or longer
6: health_checks.probes: 0 is out of bounds; write 1 to 10000
7: health_checks.probe_targets[0]: "privat" is unknown; did you mean "private"?
7: health_checks.probe_targets[1]: "localhost" is unknown; known are private, public, any, prefixes like 10.0.0.0/8
7: health_checks.probe_targets[2]: "10.0.0.1" has no length; write 10.0.0.1/32 for the one address
7: health_checks.probe_targets[3]: 10.0.0.1/8 has bits beyond its length; did you mean 10.0.0.0/8?
7: health_checks.probe_targets[4]: 169.254.0.0/16 is never probed
7: health_checks.probe_targets[6]: private is here twice`},
		{"health_checks alone", ok + "health_checks:\n",
			"2: health_checks: needs the section route53, whose records use them; add it, or write source: off"},
		{"health_checks of nothing", ok + "route53:\nhealth_checks:\n  probe_targets: []\n",
			"4: health_checks.probe_targets: is empty; nothing could be probed: write private or prefixes, or source: aws"},
		{"health_checks probe target", ok + "route53:\nhealth_checks:\n  probe_targets: x\n",
			"4: health_checks.probe_targets: is a single value; write a list ([a, b])"},
	}
}
