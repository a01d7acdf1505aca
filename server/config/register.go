package config

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Register is an entry of the section register: names that instances may give themselves by
// updates without a key, by TCP, from their primary private address.
type Register struct {
	// Names lists the names that they may have, relative to Zone: {id} stands for the id of the
	// instance, *.name is all below a name, "*" is all of the zone. It has no default.
	Names []RegisterName `yaml:"names"`

	// Zone is where the names live: that of ec2.zone, or another zone of ours, over which they
	// lie. Default "internal.".
	Zone DomainName `yaml:"zone"`

	// TTL is how long clients may keep their addresses, in whole seconds. Default 30s.
	TTL time.Duration `yaml:"ttl"`
}

func (s *Register) setDefaults() { *s = Register{Zone: "internal.", TTL: 30 * time.Second} }

// RegisterName is an item of register.names.
type RegisterName string

func (r *RegisterName) parse(text string) error {
	text = strings.ToLower(text)
	if text == "*" {
		*r = "*"
		return nil
	}
	rest, _ := strings.CutPrefix(text, "*.")
	if strings.HasSuffix(rest, ".") {
		return fmt.Errorf("%q ends in a dot; write a name relative to the zone", text)
	}
	_, err := canonicalName(strings.ReplaceAll(rest, "{id}", "i-0123456789abcdef0"))
	if err != nil {
		return fmt.Errorf(`%w; {id} is the id of the instance, *.name is all below a name, and "*" all of the zone`, err)
	}
	*r = RegisterName(text)
	return nil
}

// register checks the section register.
func (v *validator) register() {
	all := v.config.Register
	if len(all) > 0 && v.config.EC2 == nil {
		v.fault("register", "needs the section ec2, which knows the instances; add it")
	}
	for i, r := range all {
		path := fmt.Sprintf("register[%d]", i)
		if v.broken[path] {
			continue
		}
		if len(r.Names) == 0 {
			v.fault(path+".names", `is missing; write names like "{id}", "*.name" for all below one, or "*"`)
		}
		for j, n := range r.Names {
			if n != "" && slices.Contains(r.Names[:j], n) {
				v.fault(fmt.Sprintf("%s.names[%d]", path, j), "%s is here twice", n)
			}
		}
		for j, n := range r.Names {
			other := slices.IndexFunc(all[:i], func(o Register) bool { return o.Zone == r.Zone && slices.Contains(o.Names, n) })
			if n != "" && other >= 0 {
				v.fault(fmt.Sprintf("%s.names[%d]", path, j), "%s of %s is in register[%d] already; take one of them out", n,
					r.Zone, other)
			}
		}
		if r.Zone == "" || r.Zone == "." {
			v.fault(path+".zone", "is the root or empty; write the zone of the names")
		}
		v.ttl(path+".ttl", r.TTL, false)
	}
}
