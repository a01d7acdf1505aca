package config

import (
	"reflect"
	"regexp"
	"strings"
	"testing"
)

func TestConfigBad(t *testing.T) {
	const ok = "forward: [{zone: ., upstreams: [10.0.0.2]}]\n" // line 1
	tests := []badConfig{
		{"no YAML", ok + "cache: [1\n", `2: sequence end token ']' not found`},
		{"a list", "- 1\n", "1: is a list; write keys and values (key: value)"},
		{"a word", "serve\n", "1: is a single value; write keys and values (key: value)"},
		{"two documents", ok + "---\ncache: {}\n", "3: is a second document; a configuration is one"},
		{"a key twice", ok + "cache: {}\ncache: {}\n", `3: mapping key "cache" already defined at [2:1]`},

		{"unknown key", ok + "\nrout53: {}\n", `3: rout53: unknown key; did you mean "route53"?`},
		{"not indented", "route53:\nzones: [example.com]\nrefresh: 30s\n",
			"2: zones: unknown key at the left margin; it belongs into route53 or transfers: indent it there\n3: refresh: " +
				"unknown key at the left margin; it belongs into route53 or ec2 or health_checks: indent it there"},
		{"indented too far", "route53:\n  zones: [a]\n   refresh: 30s\n",
			"3: is indented otherwise than the lines around it"},
		{"a tab", "route53:\n\tzones: [a]\n", "2: a tab; YAML is indented with spaces"},
		{"no colon", "route53\nec2:\n", "1: a key without its colon (key: value)"},
		{"a star without quotes", "route53: {zones: [*]}\n", `1: "*" needs quotes`},
		{"a star alone", "route53:\n  zones: *\n", `2: "*" needs quotes`},
		{"a colon without quotes",
			"forward: [{zone: ., upstreams: [10.0.0.2:53, tls://10.0.0.3]}]\nlisten: {dns: [0.0.0.0:53, {a: b}]}\n",
			`1: forward[0].upstreams[0]: needs quotes: "10.0.0.2:53"
2: listen.dns[0]: needs quotes: "0.0.0.0:53"
2: listen.dns[1]: is a mapping; write one value`},
		{"unknown key alone", "rout53: {}\n", `1: rout53: unknown key; did you mean "route53"?`},
		{"unknown key, other style", ok + "stateDir: x\n", `2: stateDir: unknown key; did you mean "state_dir"?`},
		{"unknown key in a section", ok + "log:\n  lvl: info\n  color: true\n",
			"3: log.lvl: unknown key; known here are level, format, sample_queries\n4: log.color: unknown key; known here " +
				"are level, format, sample_queries"},
		{"unknown key in a list", "forward:\n- {zone: ., upstreams: [10.0.0.2]}\n- zone: a\n  upstreams: [10.0.0.2]\n  " +
			"view: [x]\n", `5: forward[1].view: unknown key; did you mean "views"?`},
		{"no such section", ok + "dhcp: {}\n", `2: dhcp: unknown key; known here are ALL`},
		{"anchors", ok + "cache: &a {entries: 1}\ntcp: *a\n",
			"2: cache: anchors and aliases are not supported; write the value out\n3: tcp: anchors and aliases are not " +
				"supported; write the value out"},
		{"merge", ok + "tcp:\n  <<: {idle: 1s}\n", "3: tcp.<<: merging is not supported; write the keys out"},
		{"tag", ok + "udp_size: !!int 1232\n", "2: udp_size: tags are not supported; write the value alone"},
		{"no value", ok + "drain:\nstate_dir: ~\nallow:\n",
			"2: drain: has no value; leave the key out for its default\n3: state_dir: has no value; leave the key out for " +
				"its default\n4: allow: is without a value; write a list ([a, b])"},
		{"wrong kinds", ok + "listen: 53\nudp_size: [1]\nviews: {a: b}\nallow: private\nroute53: yes\ndrain: {x: 1}\n",
			`2: listen: is a single value; write keys and values (key: value)
3: udp_size: is a list; write one value
4: views: is a mapping; write a list (a dash before each entry, - name: ...)
5: allow: is a single value; write a list ([a, b])
6: route53: is a single value; write keys and values (key: value)
7: drain: is a mapping; write one value`},

		{"listen.dns empty", ok + "listen: {dns: []}\n",
			"2: listen.dns: is empty; write an address and port like 127.0.0.1:5300"},
		{"listen.dns", ok + "listen:\n  dns:\n  - 10.0.0.1\n  - :53\n  - localhost:53\n  - host\n  - 10.0.0.1:99999\n  - " +
			"224.0.0.1:53\n  - '::1'\n", `4: listen.dns[0]: "10.0.0.1" has no port; write 10.0.0.1:53
5: listen.dns[1]: ":53" has no address; write 0.0.0.0:53 for every IPv4 address, [::]:53 for every one
6: listen.dns[2]: "localhost:53" has a name; write 127.0.0.1:53
7: listen.dns[3]: "host" is no address and port; write one like 10.0.0.2:53 or [::]:53
8: listen.dns[4]: "10.0.0.1:99999" is no address and port; write one like 10.0.0.2:53 or [::]:53
9: listen.dns[5]: 224.0.0.1 is a multicast address; write one of this host
10: listen.dns[6]: "::1" has no port; write [::1]:53`},
		{"listen.dns overlapping", ok + "listen:\n  dns: ['0.0.0.0:53', '10.0.0.1:53', '[::1]:53', '[::]:53']\n",
			"3: listen.dns[1]: 10.0.0.1:53 is covered by 0.0.0.0:53; write one of them\n3: listen.dns[3]: [::]:53 is " +
				"covered by 10.0.0.1:53; write one of them"},
		{"admin", ok + "admin: 0.0.0.0:8053\n",
			`2: admin: 0.0.0.0:8053 is not loopback; write 127.0.0.1:8053 (and health for a load balancer), or "" for none`},
		{"admin address", ok + "admin: 8053\n",
			`2: admin: "8053" is no address and port; write one like 10.0.0.2:53 or [::]:53`},
		{"health", ok + "health: :8054\n",
			`2: health: ":8054" has no address; write 0.0.0.0:8054 for every IPv4 address, [::]:8054 for every one`},
		{"ports", ok + "listen: {dns: ['127.0.0.1:53']}\nadmin: 127.0.0.1:53\nhealth: 0.0.0.0:53\n",
			"3: admin: 127.0.0.1:53 is taken by listen.dns 127.0.0.1:53; write another port\n4: health: 0.0.0.0:53 is " +
				"taken by admin 127.0.0.1:53; write another port\n4: health: 0.0.0.0:53 is taken by listen.dns 127.0.0.1:53; " +
				"write another port"},
		{"metrics", ok + "health: 0.0.0.0:8054\nmetrics: 127.0.0.1:8054\n",
			"3: metrics: 127.0.0.1:8054 is taken by health 0.0.0.0:8054; write another port"},
		{"metrics address", ok + "metrics: :9153\n", `2: metrics: ":9153" has no address; write 0.0.0.0:9153 for every ` +
			"IPv4 address, [::]:9153 for every one"},
		{"pprof", ok + "admin: ''\npprof: true\n", "3: pprof: needs admin, which is off; write an address there, or " +
			"false here"},
		{"pprof word", ok + "pprof: yes\n", `2: pprof: "yes" is neither true nor false`},

		{"state_dir", ok + "route53:\nstate_dir: ''\n",
			"3: state_dir: is empty; route53 and ec2 keep their last good data there: write a directory"},
		{"allow empty", ok + "allow: []\n", "2: allow: is empty; nobody could ask: write private, vpcs or prefixes"},
		{"allow vpcs", ok + "allow: [vpcs]\n", "2: allow: vpcs needs the section ec2, which knows them; add it, or " +
			"write prefixes"},
		{"allow items", ok + "allow: [privat, everybody, 10.0.0.1/8, 10.0.0.1, 10.0.0.0/33, '::ffff:10.0.0.0/104', {a: b}]\n",
			`2: allow[0]: "privat" is unknown; did you mean "private"?
2: allow[1]: "everybody" is unknown; known are private, vpcs, prefixes like 10.0.0.0/8
2: allow[2]: 10.0.0.1/8 has bits beyond its length; did you mean 10.0.0.0/8?
2: allow[3]: "10.0.0.1" has no length; write 10.0.0.1/32 for the one address
2: allow[4]: "10.0.0.0/33" is no prefix; write one like 10.0.0.0/16 or fd00::/8
2: allow[5]: ::ffff:10.0.0.0/104 is IPv4 written as IPv6; write it as IPv4
2: allow[6]: is a mapping; write one value`},
		{"ecs.trust",
			ok +
				"ecs: {trust: [all, 10.0.0.53/8, 10.0.0.1, 10.0.0.1/32, '::/0', '::ffff:10.0.0.1', 'fe80::1%eth0', 10.0.0.0/33]}\n",
			`2: ecs.trust[0]: "all" is neither a prefix nor an address; write one like 10.0.0.0/16, 10.0.0.53 or fd00::53
2: ecs.trust[1]: 10.0.0.53/8 has bits beyond its length; did you mean 10.0.0.0/8?
2: ecs.trust[3]: 10.0.0.1/32 is here twice
2: ecs.trust[4]: ::/0 is everybody; write the forwarders alone: whoever is trusted chooses the place that policies see
2: ecs.trust[5]: ::ffff:10.0.0.1 is IPv4 written as IPv6; write 10.0.0.1
2: ecs.trust[6]: "fe80::1%eth0" is neither a prefix nor an address; write one like 10.0.0.0/16, 10.0.0.53 or fd00::53
2: ecs.trust[7]: "10.0.0.0/33" is no prefix; write one like 10.0.0.0/16 or fd00::/8`},
		{"rebinding", ok + "rebinding: {deny: [loop, private, private], allow: [., a.example, a.example.]}\n",
			`2: rebinding.deny[0]: "loop" is unknown; known are loopback, link-local, unspecified, private
2: rebinding.deny[2]: private is here twice
2: rebinding.allow[0]: "." is every name; write deny: [] to let all pass
2: rebinding.allow[2]: a.example. is here twice`},
		{"ecs word", ok + "ecs: 10.0.0.1\n", "2: ecs: is a single value; write keys and values (key: value)"},
		{"ready.without", ok + "ready: {without: [lab]}\n",
			`2: ready.without[0]: "lab" is no account; write a name in aws.accounts`},
		{"ready.max_age", ok + "ready: {max_age: 1h}\n",
			"2: ready.max_age: needs route53 or ec2, whose data it is about; write 0s"},
		{"durations", ok + "drain: 99ms\nready: {max_age: -1s}\ntcp: {idle: 0s}\nroute53: {refresh: 30}\nec2: {refresh: " +
			"1d, max_age: 1ms}\nnegative_ttl: 1500ms\n", `2: drain: 99ms is too short; write 100ms or longer, or 0s
3: ready.max_age: -1s is negative; write 100ms or longer
4: tcp.idle: 0s is too short; write 100ms or longer
5: route53.refresh: "30" has no unit; write 30s for seconds
6: ec2.refresh: "1d" is no duration; write one like 100ms, 30s, 1m30s or 24h
6: ec2.max_age: 1ms is too short; write 100ms or longer
7: negative_ttl: 1.5s is not in whole seconds; write 2s`},
		{"times to live", ok + "negative_ttl: -1s\nec2: {translated_ttl: 0s}\n",
			"2: negative_ttl: -1s is no time to live; write 1s or longer\n3: ec2.translated_ttl: 0s is no time to live; " +
				"write 1s or longer"},
		{"time to live, longest", ok + "negative_ttl: 1000000h\n",
			"2: negative_ttl: 1000000h0m0s is too long; 2147483647s is the most"},
		{"log", ok + "log:\n  level: warning\n  format: xml\n  sample_queries: -1\n",
			`3: log.level: "warning" is unknown; known are debug, info, warn, error
4: log.format: "xml" is unknown; known are text, json
5: log.sample_queries: -1 is negative; write 0 for none, 1 for every query, 1000 for each thousandth`},
		{"query log", ok + "query_log:\n  sample: -1\n  rcodes: [NXDOMAN]\n  slower: -1ms\n  names: [a..b]\n" +
			"  file: ../q.log\n  clients: [10.0.0.0/8, 10.0.0.0/8]\n",
			`3: query_log.sample: -1 is negative; write 0 for none, 1 for every query, 1000 for each thousandth
4: query_log.rcodes[0]: "NXDOMAN" is unknown; did you mean "NXDOMAIN"?
5: query_log.slower: -1ms is negative; write 10ms, say, or 0s
6: query_log.names[0]: "a..b" has an empty label
7: query_log.file: "../q.log" is not the name of a file; it stands in state_dir: write one like queries.log
8: query_log.clients[1]: 10.0.0.0/8 is here twice`},
		{"dnstap", ok + "dnstap: unix:tap.sock\n", `2: dnstap: write unix:/path, or tcp:host:port`},
		{"dnstap without port", ok + "dnstap: tcp:10.0.0.1\n", `2: dnstap: write unix:/path, or tcp:host:port`},
		{"dnstap by others", ok + "dnstap: udp:10.0.0.1:53\n", `2: dnstap: write unix:/path, or tcp:host:port`},
		{"query log without a directory", ok + "state_dir: ''\nquery_log: {sample: 1, file: q.log}\n",
			"3: query_log.file: needs state_dir, where it stands; write a directory there"},
		{"log.level close", ok + "log: {level: inof}\n", `2: log.level: "inof" is unknown; did you mean "info"?`},
		{"sizes", ok + "udp_size: 511\ncache: {entries: 0, bytes: 1023KiB}\n" +
			"tcp: {connections: 0, per_client: '5', idle: 1s}\n",
			`2: udp_size: 511 is out of bounds; write 512 to 4096
3: cache.entries: 0 is out of bounds; write 1 to 100000000
3: cache.bytes: 1047552 is out of bounds; write 1048576 to 68719476736
4: tcp.per_client: "5" is no whole number
4: tcp.connections: 0 is out of bounds; write 1 to 1000000`},
		{"sizes 2", ok + "udp_size: 4097\ncache: {entries: 200k}\ntcp: {per_client: 1.5}\n",
			`2: udp_size: 4097 is out of bounds; write 512 to 4096
3: cache.entries: "200k" is no whole number
4: tcp.per_client: "1.5" is no whole number`},
		{"history", ok + "history: {keep: 23h, max: 1KiB}\n",
			`2: history.keep: 23h0m0s is out of range; write one from 24h to 87600h
2: history.max: 1024 is out of bounds; write 1048576 to 1099511627776`},

		{"fleet, empty", ok + "fleet:\n",
			`2: fleet.store: is missing; write the place that all servers share, like s3://bucket/prefix
2: fleet.keys: is missing; write the name of a key that all servers have, and nobody else`},
		{"fleet", ok + "fleet:\n  store: /tmp\n  keys: [none]\n  name: a/b\n  poll: 1ms\n  address: x\n  solo_after: 1ms\n" +
			"  events: x\n",
			`3: fleet.store: "/tmp" is not of the form s3://BUCKET/PREFIX
4: fleet.keys[0]: no key none.; add it to the section keys
5: fleet.name: "a/b" has a slash or a space in it; write a name without
6: fleet.poll: 1ms is too short; write 100ms or longer
7: fleet.address: "x" is no address; write "10.0.0.9", "10.0.0.9:5353" or "[2001:db8::9]:53"
8: fleet.solo_after: 1ms is too short; write 100ms or longer
9: fleet.events: "x" is no URL of a queue, like https://sqs.eu-west-1.amazonaws.com/123456789012/inside53`},
		{"fleet, a key of others", ok + "keys: [{name: ops, secret: MDEyMzQ1Njc4OWFiY2RlZg==}]\n" +
			"fleet: {store: 's3://b/p', keys: [ops]}\nsecondary: [{zone: z.example., primaries: [10.0.0.9], key: ops}]\n",
			"3: fleet.keys[0]: ops. is used by secondary too; make a key for the fleet alone"},
		{"fleet, a key of a followed zone", "keys: [{name: ops, secret: MDEyMzQ1Njc4OWFiY2RlZg==}]\n" + ok +
			"fleet: {store: 's3://b/p', keys: [ops]}\nroute53:\nfollow: [{zone: z.example., primaries: [10.0.0.9], " +
			"into: Z0123456789ABC, key: ops}]\n",
			"3: fleet.keys[0]: ops. is used by follow too; make a key for the fleet alone"},

		{"aws", ok + "aws:\n  region: ireland\n  accounts:\n  - name: A\n    role_arn: inside53\n    external_id: x\n  - " +
			"name: b\n    role_arn: arn:aws:iam::123456789012:role/a\n  - name: b\n    role_arn: " +
			"arn:aws:iam::123456789012:role/a\n  - {}\n", `3: aws.region: "ireland" is no region; write one like eu-west-1
5: aws.accounts[0].name: "A" is no name; write lower-case letters, digits, '-' and '_', 63 at most
6: aws.accounts[0].role_arn: "inside53" is no role; write one like arn:aws:iam::123456789012:role/inside53
7: aws.accounts[0].external_id: "x" is no external id; 2 to 1224 letters, digits and +=,.@:/-_ are allowed
10: aws.accounts[2].name: "b" is the name of two accounts; write another
11: aws.accounts[2].role_arn: arn:aws:iam::123456789012:role/a is the role of two accounts; its data would be read twice
12: aws.accounts[3].name: is missing; write a name
12: aws.accounts[3].role_arn: "" is no role; write one like arn:aws:iam::123456789012:role/inside53`},

		{"route53", ok + "route53:\n  zones: [a..b, bücher.example, 'a b', 'example.com.', example.com, Z1, " +
			"/hostedzone/Z1, '']\n  visibility: [publc, internal]\n  overlap: overlap\n  refresh: 50ms\n  " +
			"requests_per_second: 0\n  max_shrink: 1.5\n",
			`3: route53.zones[0]: "a..b" has an empty label; a hosted zone id is like Z0123456789ABC
3: route53.zones[1]: "bücher.example" is not ASCII; write the punycode form (xn--...) of "bücher"; ` +
				`a hosted zone id is like Z0123456789ABC
3: route53.zones[2]: "a b" has a ' '; labels are of letters, digits, '-' and '_'; ` +
				`a hosted zone id is like Z0123456789ABC
3: route53.zones[4]: zone example.com. is here twice
3: route53.zones[6]: hosted zone Z1 is here twice
3: route53.zones[7]: is empty; write a name like example.com; a hosted zone id is like Z0123456789ABC
4: route53.visibility[0]: "publc" is unknown; did you mean "public"?
4: route53.visibility[1]: "internal" is unknown; known are public, private
5: route53.overlap: "overlap" is unknown; did you mean "overlay"?
6: route53.refresh: 50ms is too short; write 100ms or longer
7: route53.requests_per_second: 0 is not above 0; write 2, say
8: route53.max_shrink: 1.5 is out of bounds; write 0 to 1`},
		{"route53 empty lists", ok + "route53: {zones: [], visibility: [], requests_per_second: .inf, max_shrink: .nan}\n",
			`2: route53.requests_per_second: ".inf" is no number
2: route53.max_shrink: ".nan" is no number
2: route53.zones: is empty; write names or ids of hosted zones, or "*"
2: route53.visibility: is empty; write public, private or both`},
		{"route53 all and one", ok + "route53: {zones: ['*', example.com], max_shrink: many}\n",
			`2: route53.max_shrink: "many" is no number
2: route53.zones: has "*" and others; "*" is every zone already`},

		{"ec2", ok + "ec2:\n  regions: [eu-west-1, eu-west, eu-west-1]\n  refresh: 1m\n  names: [tags, Name, Name]\n  " +
			"name_tag: ''\n  zone: '{az}.internal'\n  domains: [., a.test, a.test]\n  affinity: always\n  " +
			"health: [probe, ping, probe]\n  translate: [instances, instances, elb]\n  translated_ttl: 1500ms\n  " +
			"max_age: 30s\n", `3: ec2.regions[1]: "eu-west" is no region; write one like eu-west-1
3: ec2.regions[2]: eu-west-1 is here twice
5: ec2.names[0]: "tags" has no placeholder: every instance would have this name; write {tag:tags}, say
5: ec2.names[2]: Name is here twice
6: ec2.name_tag: "" is no key of a tag; write dns, say
7: ec2.zone: "{az}.internal" has an unknown placeholder; known are {region}, {vpc} and {account}
8: ec2.domains[0]: is the root: every name lies in it
8: ec2.domains[2]: a.test. is here twice
9: ec2.affinity: "always" is unknown; known are off, prefer, strict
10: ec2.health[1]: "ping" is unknown; known are status, targets, lifecycle, probe
10: ec2.health[2]: probe is here twice
11: ec2.translate[2]: "elb" is unknown; known are instances, load_balancers
11: ec2.translate[1]: instances is here twice
12: ec2.translated_ttl: 1.5s is not in whole seconds; write 2s
13: ec2.max_age: 30s is shorter than refresh (1m0s); nothing would be translated between two readings`},
		{"ec2.names", ok + "ec2:\n  names:\n  - '{tag}'\n  - '{tag:a}..b'\n  - '{id'\n  - ''\n",
			`4: ec2.names[0]: "{tag}" has a tag without its key; write {tag:dns}, say
5: ec2.names[1]: "{tag:a}..b" has an empty label
6: ec2.names[2]: "{id" has a { without a } behind it
7: ec2.names[3]: is empty; write a template like "{tag:dns}"`},
		{"ec2.zone", ok + "ec2: {zone: .}\n",
			`2: ec2.zone: is the root or empty; write a zone like "internal.", and names: [] for no names`},
		{"ec2.zone too long",
			ok + "ec2: {zone: 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa{account}.internal'}\n",
			"2: ec2.zone: label \"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa123456789012\" is " +
				"too long; 63 bytes is the most"},

		{"zonefiles", ok + "zonefiles:\n- {}\n- origin: a\n  file: a.zone\n- {origin: A., file: b.zone}\n- {origin: 'ä', " +
			"file: '', views: [prod, 'rest', rest]}\n- x\n- {origin: a, file: c.zone, views: [rest]}\n",
			`3: zonefiles[0].origin: is missing; write the name of the zone
3: zonefiles[0].file: is missing; write the path of a master file
6: zonefiles[2].origin: a. has two files in view "*"; write one, or different views
7: zonefiles[3].origin: "ä" is not ASCII; write the punycode form (xn--...) of "ä"
7: zonefiles[3].views[2]: view "rest" is here twice
7: zonefiles[3].file: is missing; write the path of a master file
8: zonefiles[4]: is a single value; write keys and values (key: value)
9: zonefiles[5].origin: a. has two files in view "rest"; write one, or different views`},
		{"zonefiles.views", ok + "zonefiles:\n- {origin: a, file: a, views: []}\n- {origin: b, file: b, views: ['*', " +
			"x]}\n- {origin: c, file: c, views: [x, vpc-0a1b]}\n", `3: zonefiles[0].views: is empty; write names of views, or "*"
4: zonefiles[1].views: has "*" and others; write one or the other
5: zonefiles[2].views[0]: no view "x"; without the section views write a VPC id (with ec2), rest, or "*" for all
5: zonefiles[2].views[1]: no view "vpc-0a1b"; without the section views write a VPC id (with ec2), ` +
			`rest, or "*" for all`},

		{"views", ok + `views:
- name: prod
  clients: [10.0.0.0/16]
- name: prod
  clients:
  - 10.1.0.0/16
  - 10.0.0.0/16
- clients: []
- name: rest
  clients: [10.2.0.1/16]
  vpcs: [prod, vpc-0a1b, vpc-0a1b]
  region: eu
  addresses: privat
  reach: [eu!, vpc-0a1b, vpc-0a1b, 10.0.0.0/8, 10.0.0.0/8, 1.2.3.4/8]
- name: vpc-0a1b
  clients: [10.3.0.0/16]
  vpcs: ['*', vpc-0a1b]
`, `5: views[1].name: "prod" is the name of two views; write another
8: views[1].clients[1]: 10.0.0.0/16 is in view "prod" already; a client has one view
9: views[2].name: is missing; write a name
9: views[2].clients: is missing; write the prefixes of its clients, 10.0.0.0/16, say
10: views[3].name: "rest" is the name of an automatic view; write another
11: views[3].clients[0]: 10.2.0.1/16 has bits beyond its length; did you mean 10.2.0.0/16?
12: views[3].vpcs[0]: "prod" is no VPC id; write one like vpc-0a1b2c3d4e5f67890, or "*"
12: views[3].vpcs[2]: vpc-0a1b is here twice
13: views[3].region: "eu" is no region; write one like eu-west-1
14: views[3].addresses: "privat" is unknown; did you mean "private"?
15: views[3].reach[0]: "eu!" is no VPC id (vpc-0a1b2c3d), region (eu-west-1), ` +
			`account id (12 digits), name in aws.accounts or prefix (10.0.0.0/16)
15: views[3].reach[2]: vpc-0a1b is here twice
15: views[3].reach[4]: 10.0.0.0/8 is here twice
15: views[3].reach[5]: 1.2.3.4/8 has bits beyond its length; did you mean 1.0.0.0/8?
16: views[4].name: "vpc-0a1b" is the name of an automatic view; write another
18: views[4].vpcs: has "*" and others; "*" is every private zone already`},

		{"views.reach", ok + "views: [{name: a, clients: [10.0.0.0/8], reach: [eu, '012345678901', data]}]\naws: " +
			"{accounts: [{name: data, role_arn: 'arn:aws:iam::123456789012:role/a'}]}\n",
			"2: views[0].reach: \"eu\" is no VPC id (vpc-0a1b2c3d), region (eu-west-1), account id (12 " +
				"digits), name in aws.accounts or prefix (10.0.0.0/16)"},

		{"forward", "forward:\n- {}\n- zone: a.-.+\n  upstreams: []\n- zone: corp.example\n  upstreams: [10.0.0.2, " +
			"'10.0.0.2:53']\n- zone: CORP.example.\n  upstreams: [10.0.0.3]\n  layer: maybe\n",
			`2: forward[0].zone: is missing; write the name at and below which names are forwarded, "." for all
2: forward[0].upstreams: is missing; write addresses of resolvers
3: forward[1].zone: "a.-.+" has a '+'; labels are of letters, digits, '-' and '_'
4: forward[1].upstreams: is missing; write addresses of resolvers
6: forward[2].upstreams[1]: 10.0.0.2:53 is here twice
7: forward[3].zone: corp.example. has two entries for view "*"; write all upstreams in one
9: forward[3].layer: "maybe" is neither true nor false`},
		{"forward.packets", "forward:\n- {zone: ., upstreams: [10.0.0.2], packets: 900}\n" +
			"- {zone: a.example, upstreams: [10.0.0.3, 10.0.0.2]}\n" +
			"- {zone: b.example, upstreams: [10.0.0.4], packets: -1}\n" +
			"- {zone: c.example, upstreams: [10.0.0.2], packets: 900}\n",
			`3: forward[1].packets: 10.0.0.2:53 has other packets in the entry for .; write the same in both
4: forward[2].packets: "-1" is neither auto nor a whole number from 0 to 1048575
5: forward[3].packets: 10.0.0.2:53 has other packets in the entry for a.example.; write the same in both`},
		{"forward.upstreams", "forward:\n- zone: .\n  upstreams:\n  - dns.example\n  - tls://dns.example\n  - " +
			"https://10.0.0.2\n  - 10.0.0.2#name\n  - tls://10.0.0.2#a..b\n  - tls://10.0.0.2#.\n  - 10.0.0.2:0\n  - " +
			"0.0.0.0\n  - 127.0.0.1:5300\n", `4: forward[0].upstreams[0]: "dns.example" is no address; FORM
5: forward[0].upstreams[1]: "tls://dns.example" is no address; FORM
6: forward[0].upstreams[2]: https:// is unknown; FORM
7: forward[0].upstreams[3]: "10.0.0.2#name" has a #name without tls://; FORM
8: forward[0].upstreams[4]: the name after #: "a..b" has an empty label
9: forward[0].upstreams[5]: "tls://10.0.0.2#." has no name after #; FORM
10: forward[0].upstreams[6]: "10.0.0.2:0" has port 0; FORM
11: forward[0].upstreams[7]: 0.0.0.0 is no address of a host
12: forward[0].upstreams[8]: 127.0.0.1:5300 is our own address (listen.dns 127.0.0.1:5300): a loop; ` +
			`write another resolver's`},
		{"forward loops", "listen: {dns: ['[::]:53']}\nforward:\n- zone: .\n  upstreams: [127.0.0.53, '[::1]:53', " +
			"'10.0.0.1:53', '127.0.0.1:5353']\n", "4: forward[0].upstreams[0]: 127.0.0.53:53 is our own address " +
			"(listen.dns [::]:53): a loop; write another resolver's\n4: forward[0].upstreams[1]: [::1]:53 is our own " +
			"address (listen.dns [::]:53): a loop; write another resolver's"},
		{"forward.views", "views:\n- {name: prod, clients: [10.0.0.0/8], vpcs: [], region: '', addresses: auto, reach: " +
			"[]}\nforward:\n- {zone: ., upstreams: [10.0.0.2], views: [pord, staging-view, rest]}\n- {zone: ., upstreams: " +
			"[10.0.0.3], views: [prod]}\n- {zone: ., upstreams: [10.0.0.3], views: [prod]}\n",
			`4: forward[0].views[0]: no view "pord"; did you mean "prod"?
4: forward[0].views[1]: no view "staging-view"; there are prod, and "*" for all
4: forward[0].views[2]: no view "rest"; there are prod, and "*" for all
6: forward[2].zone: . has two entries for view "prod"; write all upstreams in one`},
		{"keys", ok + "keys:\n- {}\n- name: ops\n  algorithm: hmac-md5\n  secret: c2hvcnQ=\n- {name: OPS., secret_file: " +
			"ops.key, secret: MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=}\n- {name: b, secret: '!'}\n- {name: 'c c', " +
			"secret_file: {a: b}}\n- x\n", `3: keys[0].name: is missing; write the name that the client has for the key
3: keys[0].secret_file: is missing; write the path of a file that holds the secret
5: keys[1].algorithm: "hmac-md5" is unknown; known are hmac-sha256, hmac-sha384, hmac-sha512
6: keys[1].secret: has 5 bytes, 16 are the least; make a key by tsig-keygen
7: keys[2].name: ops. is the name of two keys; write another
7: keys[2].secret: and secret_file are both there; write one of them
8: keys[3].secret: is no base64; make a key by tsig-keygen
9: keys[4].name: "c c" has a ' '; labels are of letters, digits, '-' and '_'
9: keys[4].secret_file: is a mapping; write one value
10: keys[5]: is a single value; write keys and values (key: value)`},
		{"updates", ok + `route53:
keys: [{name: a, secret_file: a}]
updates:
- {}
- {zone: example.com, keys: [b, a, a], names: [], types: [], clients: [10.0.0.0/8, 10.0.0.0/8, 10.0.0.1]}
- {zone: Z0123ABC, visibility: private, vpc: vpc-0a1b, keys: [a], types: [any-thing]}
- {zone: example.com, visibility: public, keys: [a], names: [www.example.com, '*.example.net', 'a.*'], soa_mname: a..b}
- {zone: example.com, visibility: private, vpc: vpc-1, keys: [a]}
- {zone: example.org, visibility: internal, keys: [a], soa_mname: a.example}
- {zone: example.net, visibility: public, vpc: eni-1, keys: [a], soa_mname: a.example}
- {zone: example.net, visibility: public, keys: [a], soa_mname: b.example}
- x
`, `5: updates[0].zone: is missing; write the id of a hosted zone, or its name and visibility
5: updates[0].keys: is missing; write names of keys: without a key nothing is changed
6: updates[1].clients[2]: "10.0.0.1" has no length; write 10.0.0.1/32 for the one address
6: updates[1].visibility: is missing; a name may be that of a public and of a private zone: write public or private
6: updates[1].keys[0]: no key b.; add it to the section keys
6: updates[1].keys[2]: a. is here twice
6: updates[1].names: is empty; write names, "*.name" for all below one, or "*"
6: updates[1].types: is empty; write record types, or "*"
6: updates[1].clients[1]: 10.0.0.0/8 is here twice
7: updates[2].types[0]: "any-thing" is no record type; write A, AAAA, TXT and the like
7: updates[2].visibility: says more than the id of the zone; leave it out
7: updates[2].vpc: is for a private zone that is named by its name; leave it out
8: updates[3].names[2]: "a.*" has a '*'; labels are of letters, digits, '-' and '_'; ` +
			`*.name is all below a name, and "*" all of the zone
8: updates[3].soa_mname: "a..b" has an empty label
8: updates[3].names[1]: *.example.net. is not in the zone example.com.
9: updates[4].keys[0]: a. may change another zone of the name example.com. already (updates[3]), ` +
			`and an update says only the name; write another key
10: updates[5].visibility: "internal" is unknown; known are public, private
11: updates[6].vpc: "eni-1" is no VPC id; write one like vpc-0a1b2c3d4e5f67890
12: updates[7].soa_mname: is another one than in updates[6]; a zone has one
13: updates[8]: is a single value; write keys and values (key: value)`},
		{"updates without route53", ok + "keys: [{name: a, secret_file: a}]\nupdates: [{zone: Z1, keys: [a]}]\n",
			"3: updates: needs the section route53, which knows the zones; add it"},
		{"transfers", ok + `keys: [{name: a, secret_file: a}]
transfers:
- {}
- {view: prod, zones: [], keys: [b], clients: [10.0.0.0/8, 10.0.0.0/8], ` +
			`notify: [ns.example, 10.0.0.9, '10.0.0.9:53'], catalog: a..b}
- {view: vpc-0a1b, zones: ['*', example.com], keys: [a], journal: much, catalog: cat.example, ` +
			`notify: ['10.0.0.9:0', 0.0.0.0]}
- {zones: [a.example, A.example.], keys: [a], catalog: cat.example, journal: 3GB}
- x
`, `4: transfers[0]: has neither keys nor clients; write who may have the zones
5: transfers[1].notify[0]: "ns.example" is no address; write "10.0.0.9", "10.0.0.9:5353" or "[2001:db8::9]:53"
5: transfers[1].catalog: "a..b" has an empty label
5: transfers[1].view: no view "prod"; without the section views there are "rest" and one a VPC, named by its id
5: transfers[1].zones: is empty; write names of zones, or "*"
5: transfers[1].keys[0]: no key b.; add it to the section keys
5: transfers[1].clients[1]: 10.0.0.0/8 is here twice
5: transfers[1].notify[2]: 10.0.0.9:53 is here twice
6: transfers[2].journal: "much" is no size; write 64MiB, 512KiB or a number of bytes
6: transfers[2].notify[0]: "10.0.0.9:0" has port 0; write that of the server
6: transfers[2].notify[1]: 0.0.0.0 is no address of a host
6: transfers[2].zones: has "*" and others; "*" is every zone already
7: transfers[3].zones[1]: a.example. is here twice
7: transfers[3].journal: "3GB" is no size; write 64MiB, 512KiB or a number of bytes
7: transfers[3].catalog: cat.example. is the catalog of transfers[2] already; write another name
8: transfers[4]: is a single value; write keys and values (key: value)`},
		{"transfers of views", ok + "views: [{name: prod, clients: [10.0.0.0/8]}]\ntransfers:\n- {keys: [a]}\n- {view: " +
			"rest, clients: [10.0.0.0/8]}\nkeys: [{name: a, secret_file: a}]\nstate_dir: ''\n",
			`4: transfers[0].view: is missing; write one of prod
5: transfers[1].view: no view "rest"; known are prod
7: state_dir: is empty; transfers and secondary keep serials and zones there: write a directory`},
		{"secondary", ok + `zonefiles: [{origin: lab.example, file: lab.zone}]
secondary:
- {}
- {zone: z.example, primaries: [10.0.0.9, 10.0.0.9], key: a, views: []}
- {zone: Z.example., primaries: [ns1]}
- {zone: lab.example, primaries: ['[2001:db8::9]:53']}
- {zone: a..b, primaries: [10.0.0.9], key: 'a b'}
`, `4: secondary[0].zone: is missing; write the name of the zone
4: secondary[0].primaries: is missing; write the addresses of servers that have the zone
5: secondary[1].primaries[1]: 10.0.0.9:53 is here twice
5: secondary[1].key: no key a.; add it to the section keys
5: secondary[1].views: is empty; write names of views, or "*"
6: secondary[2].primaries[0]: "ns1" is no address; write "10.0.0.9", "10.0.0.9:5353" or "[2001:db8::9]:53"
6: secondary[2].zone: z.example. is the zone of secondary[1] already; write all primaries there
7: secondary[3].zone: lab.example. is the origin of zonefiles[0] already; take one of them out
8: secondary[4].zone: "a..b" has an empty label
8: secondary[4].key: "a b" has a ' '; labels are of letters, digits, '-' and '_'`},
		{"long names", "forward: [{zone: " + strings.Repeat("a", 64) +
			", upstreams: [10.0.0.2]}, {zone: " + strings.Repeat("a.", 130) + ", upstreams: [10.0.0.2]}]\n",
			"1: forward[0].zone: label \"" + strings.Repeat("a", 64) +
				"\" is too long; 63 bytes is the most\n1: forward[1].zone: name of 259 bytes is too long; 253 is the most"},
	}
	tests = append(append(tests, badFollowing(ok)...), badHealthChecks(ok)...)
	_, top := fieldsOf(reflect.TypeFor[Config]())
	named := make(map[string]bool)
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c, err := Parse([]byte(test.text), "dir/inside53.yaml")
			if err == nil {
				t.Fatalf("no fault in\n%s", test.text)
			}
			if c != nil {
				t.Error("a configuration beside the error")
			}
			want := strings.ReplaceAll(test.want, "ALL", strings.Join(top, ", "))
			want = strings.ReplaceAll(want, "FORM",
				`write "10.9.0.2", "10.9.0.2:53", "[2001:db8::1]:53" or "tls://10.9.0.3:853#name"`)
			lines := strings.Split(want, "\n")
			for i, l := range lines {
				separator := ":"
				if l[0] < '0' || l[0] > '9' {
					separator = ": "
				}
				lines[i] = "dir/inside53.yaml" + separator + l
				if _, key, ok := strings.Cut(l, ": "); ok {
					key, _, _ = strings.Cut(key, ": ")
					named[regexp.MustCompile(`\[\d+\]`).ReplaceAllString(key, "")] = true
				}
			}
			if got := err.Error(); got != strings.Join(lines, "\n") {
				t.Errorf("%s\n got\n%s\nwant\n%s", test.text, got, strings.Join(lines, "\n"))
			}
		})
	}
	for _, key := range allKeys() {
		if !named[key] {
			t.Errorf("no test has a fault in %s", key)
		}
	}
}
