// Package nametemplate says how instances are named.
//
//	"{tag:role}-{ordinal}.{tag:env}"  ── Parse ──> Template
//	tags, groups, zone of an instance ── Names ──> "web-1.prod", "api-1.prod"
//
// A template is the text of a name with placeholders in braces:
//
//	{tag:KEY}         the value of a tag; one with commas stands for several
//	{security-group}  the names of the security groups, but for "default"
//	{asg}             the name of the auto-scaling group
//	{ordinal}         the number in that group, from 1
//	{id}              i-0123456789abcdef0
//	{region} {az} {vpc} {account}
//
// Between braces "|" separates what may stand for one another: the first that the instance
// has counts. An instance that lacks something has no name by the template. Where several
// values stand side by side there is a name for each combination, at most [Most].
//
// # Contract
//
// The package is text alone: it knows neither zones nor AWS, and whether a name can be
// served is decided elsewhere. A Template is immutable.
//
// # Use
//
//	templates, err := nametemplate.ParseAll([]string{"{tag:dns|tag:Name}"}, "dns")
//	names, from, err := templates[0].Names(func(p nametemplate.Placeholder) []string { ... })
package nametemplate
