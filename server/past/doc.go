// Package past is what was served before: how it is recorded, asked for, and served again.
//
//	Keeper: what it accepted ──> recorder.go ──> ledger, below state_dir
//	                                               │        ledger of the fleet (member)
//	people <── admin.Past <── history.go [Past] <──┴──────────────┤
//	explain <───────────────────┘                                 │
//	Keeper, as of a time <── source.go [Source] <─────────────────┘
//
// # Contract
//
// A server records by itself where it is alone and has a state directory; of a fleet it is who leads that commits.
// What is read of the past is read without a lock, and writes nothing. A past that can't be written or read stops no
// answer.
//
// A server that serves the past asks nobody and changes nothing: [ReadOnly] turns off what would.
//
// # Use
//
//	r, err := past.NewRecorder(past.RecorderOptions{Config: c, Name: host, State: state, ...})
//	err = past.Record(ctx, r)
//	lines, err := (&past.Past{Recorder: r}).History(ctx, admin.PastQuery{Name: "www.example.com"})
package past
