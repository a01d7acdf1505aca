// Package console is the page for people with a browser: one document, made of the files
// below page/ when the program starts.
//
//	page/index.html ──┐
//	page/*.css ───────┼──> [Handler]: one document with its policy ──> a browser ──> the paths of package admin
//	page/*.js ────────┘
//
// # Contract
//
// The page reads and changes nothing: it asks the paths of the admin address, by GET alone.
// Nothing comes from outside, and the policy (CSP) lets nothing in: scripts and styles by
// their hashes, requests to the same address, no handlers in attributes, no text that becomes
// markup (trusted types). What names of records say is shown as text, whatever it is.
//
// Where a server has no such path, the page says so in its place.
//
// # Use
//
//	mux.Handle("GET /{$}", console.Handler())
package console
