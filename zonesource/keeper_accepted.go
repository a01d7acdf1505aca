package zonesource

import "strings"

// Accepted is a part that counts from now on in the place of what was there.
type Accepted struct {
	Key  Key
	Part Part // Key alone: there is none any more
	Cause
}

// Cause is why a part counts. The zero Cause is a reading of its source.
type Cause struct {
	Kind   string // "" reading, or one of these
	Actor  string // who, "" where Kind says it
	Change string // id of the change in AWS
}

// The kinds of causes.
const (
	ByUpdate   = "update"   // an accepted update
	ByEvent    = "event"    // an event named what to read
	ByOperator = "operator" // somebody's order
	BySaved    = "saved"    // what an earlier process had
	ByFollow   = "follow"   // a followed master
	ByRegister = "register" // an instance, which registered itself
)

// ByConfiguration is why a part goes that a configuration doesn't want.
func ByConfiguration() Cause { return Cause{Kind: ByOperator, Actor: "configuration"} }

// causeOf is why a part that a source delivers counts.
func causeOf(k Key) Cause {
	switch k.Source {
	case followSource:
		return Cause{Kind: ByFollow, Actor: k.Name[strings.LastIndexByte(k.Name, ' ')+1:]}
	case registerSource:
		return Cause{Kind: ByRegister, Actor: "instances"}
	}
	return Cause{}
}

// followSource is the source of zones that are brought into Route 53.
const followSource = "follow"

// IsMirror reports whether the part of a key is what a hosted zone is made to be: what changes there for
// clients is a change of the hosted zone's part.
func (k Key) IsMirror() bool { return k.Source == followSource }

// note has a part handed on once queries see it. The caller holds work.
func (k *Keeper) note(key Key, part Part, c Cause) {
	if k.accepted != nil {
		k.notes = append(k.notes, Accepted{key, part, c})
	}
}

// HandOn takes what has been delivered, publishes it, and returns when all that was accepted is handed on. What is kept
// may be seen before: whoever has to know that it outlives this process asks for this first.
func (k *Keeper) HandOn() { k.drain(true) }

// handOn hands on what has been noted. Queries see it. The caller holds work.
func (k *Keeper) handOn() {
	if len(k.notes) > 0 {
		k.accepted(k.notes)
	}
	k.notes = nil
}
