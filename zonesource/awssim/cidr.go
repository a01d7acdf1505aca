package awssim

import (
	"fmt"
	"net/http"
	"slices"
)

// cidrCollection is a collection of the list, with the blocks of its own file.
type cidrCollection struct {
	ARN     string `json:"Arn" xml:"Arn"`
	ID      string `json:"Id" xml:"Id"`
	Name    string `json:"Name" xml:"Name"`
	Version int64  `json:"Version" xml:"Version"`

	blocks []cidrBlock
}

type cidrBlock struct {
	CIDRBlock    string `json:"CidrBlock" xml:"CidrBlock"`
	LocationName string `json:"LocationName" xml:"LocationName"`
}

func (d *dataSet) collection(id string) *cidrCollection {
	i := slices.IndexFunc(d.collections, func(c *cidrCollection) bool { return c.ID == id })
	if i < 0 {
		return nil
	}
	return d.collections[i]
}

func (d *dataSet) loadCIDRBlocks(id string, text []byte) error {
	collection := d.collection(id)
	if collection == nil {
		return fmt.Errorf("%s is not in list-cidr-collections.json", id)
	}
	var content struct {
		pageEnd
		CIDRBlocks []cidrBlock `json:"CidrBlocks"`
	}
	err := decodeListing(text, &content)
	if err != nil {
		return err
	}
	collection.blocks = content.CIDRBlocks
	return nil
}

func listCIDRCollections(c *call) ([]byte, error) {
	l := listing[cidrCollection]{call: c, name: c.account + " collections",
		place: func(o cidrCollection) position { return position{id: o.ID} }}
	c.sim.mu.Lock()
	for _, o := range c.sim.data(c.account).collections {
		l.items = append(l.items, *o)
	}
	c.sim.mu.Unlock()
	w, err := l.tokenPage()
	page := struct {
		CIDRCollections []cidrCollection `xml:"CidrCollections>member"`
		NextToken       string           `xml:",omitempty"`
	}{w.items, tokenOf(w.next)}
	return answer("ListCidrCollectionsResponse", page), err
}

// blocks finds the blocks of the collection of the path.
func (c *call) blocks() ([]cidrBlock, error) {
	c.sim.mu.Lock()
	defer c.sim.mu.Unlock()
	o := c.sim.data(c.account).collection(c.vars[0])
	if o == nil {
		return nil, &apiError{http.StatusNotFound, "NoSuchCidrCollectionException",
			"The CIDR collection " + c.vars[0] + " doesn't exist."}
	}
	return o.blocks, nil
}

func listCIDRLocations(c *call) ([]byte, error) {
	blocks, err := c.blocks()
	if err != nil {
		return nil, err
	}
	type location struct{ LocationName string }
	l := listing[location]{call: c, name: c.account + " locations of " + c.vars[0],
		place: func(o location) position { return position{name: o.LocationName} }}
	for _, b := range blocks {
		if !slices.Contains(l.items, location{b.LocationName}) {
			l.items = append(l.items, location{b.LocationName})
		}
	}
	w, err := l.tokenPage()
	page := struct {
		CIDRLocations []location `xml:"CidrLocations>member"`
		NextToken     string     `xml:",omitempty"`
	}{w.items, tokenOf(w.next)}
	return answer("ListCidrLocationsResponse", page), err
}

func listCIDRBlocks(c *call) ([]byte, error) {
	blocks, err := c.blocks()
	if err != nil {
		return nil, err
	}
	location := c.form.Get("location")
	blocks = slices.DeleteFunc(slices.Clone(blocks),
		func(b cidrBlock) bool { return location != "" && b.LocationName != location })
	if location != "" && len(blocks) == 0 {
		return nil, &apiError{http.StatusNotFound, "NoSuchCidrLocationException",
			"The CIDR location " + location + " doesn't exist."}
	}
	l := listing[cidrBlock]{call: c, name: c.account + " blocks of " + c.vars[0] + " " + location, items: blocks,
		place: func(b cidrBlock) position { return position{name: b.CIDRBlock, id: b.LocationName} }}
	w, err := l.tokenPage()
	page := struct {
		CIDRBlocks []cidrBlock `xml:"CidrBlocks>member"`
		NextToken  string      `xml:",omitempty"`
	}{w.items, tokenOf(w.next)}
	return answer("ListCidrBlocksResponse", page), err
}
