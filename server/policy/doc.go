// Package policy makes of the configuration what says who may do what.
//
//	keys ──> [Keyring] ──> tsig, fleet
//	updates ──> [Updates] ──> update.Policy
//	transfers ──> [Transfers] ──> transfer.Policy
//
// # Contract
//
// Secrets are read here, from the files that the configuration names; the error joins the faults of
// all keys. tsig, update and transfer know nothing of the configuration.
//
// # Use
//
//	keys, err := policy.Keyring(config)
//	updates, err := policy.Updates(config)
//	transfers, err := policy.Transfers(config)
package policy
