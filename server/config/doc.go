// Package config is the configuration: the types of its sections, how a file of YAML
// becomes them, and every fault that can be found without the network.
//
//	config.go                     Config, Default, Load, Parse, Validate
//	listen.go  log.go  aws.go     a file a section: its keys with their defaults, the
//	route53.go  ec2.go  ...       values that only it has, and what is wrong with it
//	value.go                      the values that several sections have
//	decode.go  syntax.go          YAML -> Config, strictly, with the line of each key
//	validate.go                   the collecting of faults
//
// Nothing is done here with what is read: package server makes sources, listeners and the
// rest of it, and translates these types to theirs. A key is added by a field with its tag
// and a comment that says what it means; the decoder finds it by reflection, a test asks
// for a fault in it, and another for its line in examples/inside53.yaml.
package config
