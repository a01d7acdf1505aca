// Package register has instances give themselves names, without a key.
//
//	update by TCP ──> Submit ── whose address is it? ──> one running instance of the client's view
//	                                │                       │ its own names, free ones, at most four
//	                                └──── file, Part ──> Keeper ──> compiled like the names of tags
//
// By TCP the source address is the instance: who could answer for another's address is in the
// way of all that it does anyway. So an update (RFC 2136) without a signature is accepted from
// the primary private address of exactly one running instance of the client's view, for names
// that the configuration lets instances have.
//
// # Contract
//
// A registered name is one of the instance, like one of a tag: it has the instance's addresses as
// each view reaches them, and the reverse name of an instance that has no other. What the update
// has for addresses has to be the instance's own, and decides nothing. The owner of a name keeps
// it as long as its instance runs; a name of a tag is not to be had by others. It goes with the
// instance, when a complete listing of its region lacks that. Nothing goes to Route 53.
//
// What is registered is in a file of the state directory, and in the part, before the answer;
// NOERROR comes when it is served. The part is a zone that no view sees, with a TXT record for
// each name below the label _register: the id of the instance. In a fleet it follows.
//
// # Use
//
//	s, err := register.New(register.Options{...})
//	err = s.Run(ctx, deliver)
//	s.Submit(client, apex, message, func(r update.Result) { ... })
package register
