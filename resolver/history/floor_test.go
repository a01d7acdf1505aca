package history

import (
	"testing"
	"time"
)

// TestFloor gives serials that are greater than what others have had, also to a version that
// nothing differs of.
func TestFloor(t *testing.T) {
	z := New(1 << 20)
	z.SetFloor(1_800_000_100)
	z.SetFloor(1_700_000_000) // is less
	publish(t, z, build(t, 1, "a.example. 60 x"), noon)
	first, _ := z.Serial()
	if first != 1_800_000_101 {
		t.Errorf("begins with %d", first)
	}
	if publish(t, z, build(t, 1, "a.example. 60 x"), noon.Add(time.Hour)) {
		t.Error("a new serial for the same")
	}
	z.SetFloor(first + 50)
	if !publish(t, z, build(t, 1, "a.example. 60 x"), noon) {
		t.Error("no new serial, though others have had a greater one")
	}
	raised, _ := z.Serial()
	_, deltas, ok := z.Since(first)
	if raised != first+51 || !ok || len(deltas) != 1 || len(deltas[0].Added)+len(deltas[0].Removed) != 0 {
		t.Errorf("then %d, %v from %d: %v", raised, ok, first, deltas)
	}
	_, _, ok = z.Since(first + 50)
	if ok {
		t.Error("differences from a serial of others")
	}
}

// TestPrepare shows nothing before it is published.
func TestPrepare(t *testing.T) {
	z := New(1 << 20)
	n, err := z.Prepare(build(t, 1, "a.example. 60 x"), noon)
	if err != nil || z.Version() != nil {
		t.Fatalf("%v, %v", z.Version(), err)
	}
	n.Publish()
	dropped, err := z.Prepare(build(t, 1, "a.example. 60 y"), noon)
	if err != nil || dropped.Serial() != n.Serial()+1 || z.Version().Serial != n.Serial() {
		t.Fatalf("%v, %v", z.Version(), err)
	}
	n, err = z.Prepare(build(t, 1, "a.example. 60 z"), noon.Add(time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	n.Publish()
	_, deltas, ok := z.Since(uint32(noon.Unix()))
	if !ok || len(deltas) != 1 || deltas[0].To != uint32(noon.Unix())+60 || texts(deltas[0].Added)[0] != "a.example. 60 z" {
		t.Errorf("%v %v", ok, deltas)
	}
}
