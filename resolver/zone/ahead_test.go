package zone

import "testing"

// What is brought near is what the lookup reads: the node, but for the few names
// that share their place in the index with another one.
func TestAheadTouchesTheNode(t *testing.T) {
	const names = 20_000
	tree := benchTree(t, names)
	right := 0
	var name []byte
	for i := range names {
		name = benchName(name, i)
		hash := HashName(name)
		found := tree.Find(hash, name[:len(name)-len(tree.apex)])
		if !found.Exists() {
			t.Fatalf("%s is not there", String(name))
		}
		var a Ahead
		a.Add(tree, hash)
		a.Fetch()
		want := uint32(found.n[0])
		if len(found.n) > 64 {
			want += uint32(found.n[64])
		}
		if a.sum == want {
			right++
		}
		if a.n != 0 || a.names[0].at != (child{}) {
			t.Fatal("the name is kept, and its tree with it")
		}
	}
	if right < names*7/10 {
		t.Errorf("of %d nodes %d were brought near", names, right)
	}
}

func TestAheadOfNothing(t *testing.T) {
	small := NewTree(MustName("small.example."))
	big := benchTree(t, 1000)
	var a Ahead
	a.Add(small, 1)
	if n := a.Fetch(); n != 0 {
		t.Errorf("of a tree of one page %d names are fetched", n)
	}
	for hash := range uint64(3 * aheadNames) { // too many, and none that is there
		a.Add(big, hash*0x9e3779b97f4a7c15)
	}
	if a.n != aheadNames {
		t.Errorf("%d names are taken, want %d", a.n, aheadNames)
	}
	if n := a.Fetch(); n != aheadNames {
		t.Errorf("%d names are fetched, want %d", n, aheadNames)
	}
}
