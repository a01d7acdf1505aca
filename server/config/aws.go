package config

import (
	"fmt"
	"regexp"
)

// AWS is the section aws. Credentials and endpoints come from the usual chain
// of the SDK: environment (AWS_ENDPOINT_URL too), shared files, instance role.
type AWS struct {
	// Region is the region to call where a section names none, eu-west-1, say.
	// Default "": that of the environment (AWS_REGION), of the profile, or of the
	// instance.
	Region string `yaml:"region"`

	// Accounts are read besides the account of the credentials. Default none.
	Accounts []Account `yaml:"accounts"`
}

// Account is an entry of aws.accounts.
type Account struct {
	// Name stands for the account in logs, metrics and saved data. It has no
	// default and is of lower-case letters, digits, '-' and '_'.
	Name string `yaml:"name"`

	// RoleARN is the role to assume, arn:aws:iam::123456789012:role/inside53,
	// say. It has no default.
	RoleARN string `yaml:"role_arn"`

	// ExternalID is the external id that the role asks for. Default "" (none).
	ExternalID string `yaml:"external_id"`
}

// FindsRegion reports whether c reads a region that it doesn't name: that of the SDK's
// chain, or of the instance.
func (c *Config) FindsRegion() bool {
	return c.AWS.Region == "" && (c.EC2 != nil && len(c.EC2.Regions) == 0 || c.EC2 == nil && c.WatchesHealth())
}

var (
	region    = regexp.MustCompile(`^[a-z]{2,4}(-[a-z]+)+-[0-9]{1,2}$`)
	accountID = regexp.MustCompile(`^[0-9]{12}$`)
)

var (
	roleARN = regexp.MustCompile(`^arn:aws[a-z-]*:iam::[0-9]{12}:role/[\w+=,.@/-]{1,575}$`)
	label   = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,62}$`)
	// What IAM takes as an external id (API reference, AssumeRole).
	externalID = regexp.MustCompile(`^[\w+=,.@:/-]{2,}$`)
	// What EC2 takes as a key of a tag (user guide, tag restrictions).
	tagKey = regexp.MustCompile(`^[\p{L}\p{N} _.:/=+\-@]{1,128}$`)
)

func (v *validator) region(path, name string) {
	if !region.MatchString(name) {
		v.fault(path, "%q is no region; write one like eu-west-1", name)
	}
}

func (v *validator) aws() {
	c := v.config.AWS
	if c.Region != "" {
		v.region("aws.region", c.Region)
	}
	names, roles := make(map[string]bool), make(map[string]bool)
	for i, a := range c.Accounts {
		path := fmt.Sprintf("aws.accounts[%d]", i)
		if v.named(path+".name", a.Name) && names[a.Name] {
			v.fault(path+".name", "%q is the name of two accounts; write another", a.Name)
		}
		names[a.Name] = true
		switch {
		case !roleARN.MatchString(a.RoleARN):
			v.fault(path+".role_arn", "%q is no role; write one like arn:aws:iam::123456789012:role/inside53", a.RoleARN)
		case roles[a.RoleARN]:
			v.fault(path+".role_arn", "%s is the role of two accounts; its data would be read twice", a.RoleARN)
		}
		roles[a.RoleARN] = true
		if a.ExternalID != "" && (!externalID.MatchString(a.ExternalID) || len(a.ExternalID) > 1224) {
			v.fault(path+".external_id", "%q is no external id; 2 to 1224 letters, digits and +=,.@:/-_ are allowed", a.ExternalID)
		}
	}
}

// named checks the name of an account or a view.
func (v *validator) named(path, name string) bool {
	switch {
	case name == "":
		v.fault(path, "is missing; write a name")
	case !label.MatchString(name):
		v.fault(path, "%q is no name; write lower-case letters, digits, '-' and '_', 63 at most", name)
	default:
		return true
	}
	return false
}
