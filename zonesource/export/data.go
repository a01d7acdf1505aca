package export

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"

	"inside53/zonesource"
	"inside53/zonesource/atomicfile"
	"inside53/zonesource/awsclient"
	"inside53/zonesource/changes"
)

// DataOptions say what is exported.
type DataOptions struct {
	// Accounts are the base account first, then others, each under accounts/ID.
	Accounts []*awsclient.Account
	// Zones says which hosted zones are wanted; nil is none, and no Route 53 at all.
	Zones func(changes.Zone) bool
	// Regions are those whose inventory is wanted.
	Regions []string
	Change  changes.Options
	// Progress, when not nil, is told what is being read.
	Progress func(what string)
}

// Data is a data directory of awssim: the files by their paths in it, with slashes.
type Data struct {
	Files map[string][]byte
	// Problems are what could not be read for want of a permission.
	Problems []zonesource.Problem
}

// Collect reads what Data holds. Whatever fails makes it fail: half of the data would
// not load again.
func Collect(ctx context.Context, o DataOptions) (*Data, error) {
	d := &Data{Files: map[string][]byte{}}
	if o.Progress == nil {
		o.Progress = func(string) {}
	}
	for i, a := range o.Accounts {
		prefix := ""
		if i > 0 {
			id, err := a.ID(ctx)
			if err != nil {
				return nil, err
			}
			prefix = "accounts/" + id
		}
		c := &collector{data: d, options: &o, account: a, prefix: prefix}
		err := c.collect(ctx)
		if err != nil {
			return nil, fmt.Errorf("exporting the data of %s: %w", a, err)
		}
	}
	return d, nil
}

// collector reads one account.
type collector struct {
	data    *Data
	options *DataOptions
	account *awsclient.Account
	prefix  string
}

func (c *collector) collect(ctx context.Context) error {
	vpcs := map[string]string{} // id -> region
	for _, region := range c.options.Regions {
		err := c.region(ctx, region, vpcs)
		if err != nil {
			return err
		}
	}
	if c.options.Zones == nil {
		return nil
	}
	return newHosted(c).collect(ctx, vpcs)
}

// put keeps an output of the SDK as a file.
func (c *collector) put(name string, output any) error {
	text, err := EncodeJSON(output)
	if err != nil {
		return err
	}
	c.data.Files[path.Join(c.prefix, name)] = text
	return nil
}

// without notes that something can't be read for want of a permission; other errors
// come back.
func (c *collector) without(err error, what string, denied bool) error {
	if err != nil && denied {
		c.data.Problems = append(c.data.Problems,
			zonesource.Problem{Zone: c.account.String(), Reason: fmt.Sprintf("exported without %s: %v", what, err)})
		return nil
	}
	return err
}

// ours are the files that an export may have made.
var ours = regexp.MustCompile(`^(accounts/[0-9]{12}/)?(route53/list-[a-z-]+\.json|route53/[^/]+/(get|list)-[a-z-` +
	`]+\.json|[a-z]{2,4}(-[a-z]+)+-[0-9]/describe-[a-z-]+\.json)$`)

// Write puts the files into dir, which is made when it isn't there, each as a whole,
// and removes those of an earlier export that are no more. Other files stay.
func (d *Data) Write(dir string) error {
	for _, name := range slices.Sorted(maps.Keys(d.Files)) {
		target := filepath.Join(dir, filepath.FromSlash(name))
		err := os.MkdirAll(filepath.Dir(target), 0o755)
		if err == nil {
			err = atomicfile.Replace(target, d.Files[name])
		}
		if err != nil {
			return fmt.Errorf("writing the data: %w", err)
		}
	}
	return d.removeOthers(dir)
}

// removeOthers removes the files of an earlier export, which would say what is no
// more.
func (d *Data) removeOthers(dir string) error {
	var gone []string
	err := filepath.WalkDir(dir, func(name string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(dir, name)
		slashed := filepath.ToSlash(relative)
		_, kept := d.Files[slashed]
		if e.Type().IsRegular() && !kept && ours.MatchString(slashed) {
			gone = append(gone, name)
		}
		return err
	})
	for _, name := range gone {
		err = errors.Join(err, os.Remove(name))
		_ = os.Remove(filepath.Dir(name)) // only where it is empty
	}
	if err != nil {
		return fmt.Errorf("removing what an earlier export left: %w", err)
	}
	return nil
}
