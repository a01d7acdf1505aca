package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"

	"inside53/resolver/zone"
	"inside53/server/sources"
	"inside53/zonesource"
	"inside53/zonesource/export"

	"github.com/spf13/cobra"
)

// hostsFlags are the flags of export hosts.
type hostsFlags struct {
	config, region, vpc, output, upload, format string

	watch, adopt bool
}

// The formats of export hosts.
const (
	formatHosts  = "hosts"
	formatScript = "sh"
)

func newExportHosts() *cobra.Command {
	var f hostsFlags
	c := &cobra.Command{
		Use: "hosts --config F --region R|public [--vpc ID] [--output P [--adopt]] [--format hosts|sh] [--watch] " +
			"[--upload S3URL]",
		Short: "Write a hosts file from the names of instances",
		Long: `hosts writes the names of instances, as the section ec2 of the configuration finds them,
with the private addresses of those in the region and the public ones of all others; of one name
the private ones come first. --vpc makes the file of one VPC: private are its own and those that a
peering lets it resolve. --region public is the file of hosts outside: all addresses are public.

The lines stand between "# BEGIN inside53" and "# END inside53"; all others in the file stay.
The file is replaced as a whole, by a rename, with its mode and owner: a crash leaves the
old one. Before the first block is put into a file it is kept as FILE.bak. An older line above
the block that has one of its names wins in most programs: it is told, and with --adopt it gives
the name up; other names of that line keep its address, which is told where it is out of date.
Without --output the file goes to standard output, as a whole hosts file.

--format sh makes a shell script instead, which does all this where it is run.

--watch goes on until it is ended, and writes whenever something has changed. A region that
can't be listed, or that has lost most of its hosts at once, changes nothing; what can't be
written is told, and written when that is possible again.

--upload puts the files of all regions of the configuration, and that of hosts outside, into S3:
where S3URL has {region}, it is the template of their keys, else as S3URL/REGION/hosts (hosts.sh).

{ordinal} is what the server says whose state_dir the configuration names, where that can be read;
else instances are numbered anew, and keep their numbers for as long as --watch goes on.

What is left out is told on standard error, and so is a name that a hosted zone has too: who reads
hosts files never comes to that.`,
		Example: `  inside53 export hosts --config inside53.yaml --region eu-west-1 --output /etc/hosts --watch
  inside53 export hosts --config inside53.yaml --region eu-west-1 --upload s3://bucket/hosts
  inside53 export hosts --config inside53.yaml --region public --format sh ` +
			`--upload s3://bucket/etc_hosts/etc_hosts.{region}.sh`,
		Args: cobra.NoArgs,
		RunE: workOn(func(ctx context.Context, c console, _ []string) error {
			ctx, stop := untilSignal(ctx)
			defer stop()
			return exportHosts(ctx, c, f)
		}),
	}
	configFlag(c, &f.config)
	c.Flags().StringVar(&f.region, "region", "",
		"AWS `region` of the hosts that use the file, or public for hosts outside")
	c.Flags().StringVar(&f.vpc, "vpc", "",
		"`id` of the VPC of the hosts that use the file (default: any of the region)")
	c.Flags().StringVarP(&f.output, "output", "o", "",
		"`file` to write, /etc/hosts for one (default: standard output)")
	c.Flags().StringVar(&f.format, "format", formatHosts, "`format`: hosts, or sh for a script that installs it")
	c.Flags().BoolVar(&f.adopt, "adopt", false, "take our names out of older lines above the block")
	c.Flags().BoolVar(&f.watch, "watch", false, "go on, and write whenever something has changed")
	c.Flags().StringVar(&f.upload, "upload", "", "put the files of all regions below this `s3://BUCKET/PREFIX`")
	required(c, "region")
	return c
}

// check returns what is wrong with the flags by themselves.
func (f *hostsFlags) check() error {
	switch {
	case f.format != formatHosts && f.format != formatScript:
		return fmt.Errorf("--format %s is neither hosts nor sh", f.format)
	case f.vpc != "" && f.region == export.PublicRegion:
		return errors.New("--vpc and --region public exclude each other")
	case f.vpc != "" && f.upload != "":
		return errors.New("--vpc and --upload exclude each other: the files of all regions are uploaded")
	case f.adopt && f.output == "" && f.format == formatHosts:
		return errors.New("--adopt needs the file that it is about: --output, or --format sh")
	}
	return nil
}

func exportHosts(ctx context.Context, c console, f hostsFlags) error {
	err := f.check()
	if err != nil {
		return usage{err}
	}
	conf, accounts, err := exportAccounts(ctx, f.config)
	if err != nil {
		return err
	}
	if conf.EC2 == nil {
		return errors.New("the configuration has no section ec2: it says which regions to read, and where names come from")
	}
	err = sources.CheckRegion(conf, accounts)
	if err != nil {
		return err
	}
	h := &hostsExport{console: c, flags: f, zone: string(conf.EC2.Zone), regions: inventoryRegions(conf, accounts),
		uploaded: map[string]string{}}
	h.zones, err = newOurZones(conf, accounts)
	if err != nil {
		return err
	}
	if !slices.Contains(h.regions, f.region) && f.region != export.PublicRegion {
		// Its file would have public addresses alone.
		return usage{fmt.Errorf("--region %q is not read; ec2.regions has %s; public is the file of hosts outside",
			f.region,
			strings.Join(h.regions, ", "))}
	}
	if f.upload != "" {
		h.place, err = export.ParsePlace(f.upload)
		if err != nil {
			return usage{err}
		}
		h.uploader = export.NewUploader(accounts[0], h.place)
	}
	o := export.InventoryOptions{
		Accounts: accounts, Regions: h.regions, NameTag: conf.EC2.NameTag, Refresh: conf.EC2.Refresh,
		MaxShrink: hostsMaxShrink,
	}
	for _, n := range conf.EC2.Names {
		o.Names = append(o.Names, string(n))
	}
	isNumbered := func(n string) bool { return strings.Contains(n, "{ordinal}") }
	if conf.StateDir != "" && slices.ContainsFunc(o.Names, isNumbered) {
		o.Numbered = func(key zonesource.Key) (zonesource.Part, bool) {
			p, err := zonesource.ReadSaved(conf.StateDir, key)
			return p, err == nil // the server may be on another host
		}
	}
	if f.watch {
		o.Log = slog.New(slog.NewTextHandler(c.errors, &slog.HandlerOptions{Level: slog.LevelWarn}))
		o.Again = hostsAgain
		return export.WatchInventory(ctx, o, func(regions []*zonesource.Region, problems []zonesource.Problem) error {
			return h.write(ctx, regions, problems)
		})
	}
	c.progress("reading the inventory")
	o.Progress = func(read, all int) { c.progress("reading the inventory: %d of %d regions", read, all) }
	regions, problems, err := export.Inventory(ctx, o)
	c.progress("")
	if err != nil {
		return err
	}
	return h.write(ctx, regions, problems)
}

const (
	// hostsMaxShrink is the share of its hosts that a region may lose at once.
	hostsMaxShrink = 0.5
	// hostsAgain is when a watch tries again what couldn't be written.
	hostsAgain = 10 * time.Second
)

// hostsExport writes hosts files.
type hostsExport struct {
	console
	flags    hostsFlags
	zone     string
	zones    *ourZones
	ours     *zonesource.Ours // what zones said last; see export.HostsOptions
	names    [][]byte         // of the blocks that were made last
	regions  []string
	place    export.Place
	uploader *export.Uploader
	uploaded map[string]string // what S3 has, by region
	told     string            // the problems that were printed last
}

// write writes what there is now. Where one place can't be written, the others are all the same.
func (h *hostsExport) write(ctx context.Context, regions []*zonesource.Region, problems []zonesource.Problem) error {
	h.progress("reading the list of hosted zones")
	ours, left, err := h.zones.list(ctx)
	h.progress("")
	if err != nil {
		return err
	}
	h.ours, problems = ours, append(problems, left...)
	h.names = nil
	block := h.block(regions, h.flags.region, h.flags.vpc, &problems)
	var faults []error
	switch {
	case h.flags.output != "" && h.flags.format == formatHosts:
		faults = append(faults, h.file(block))
	case h.flags.output != "":
		faults = append(faults, h.script(block))
	case h.uploader == nil:
		_, err := h.out.Write(h.form(block))
		faults = append(faults, err)
	}
	if h.uploader != nil {
		for _, region := range append(slices.Clone(h.regions), export.PublicRegion) {
			block := h.block(regions, region, "", &problems)
			faults = append(faults, h.upload(ctx, region, block))
		}
	}
	problems = append(problems, h.zones.collisions(ctx, h.names)...)
	faults = append(faults, h.tell(problems))
	return errors.Join(faults...)
}

// block makes the block of a region, and adds what it leaves out to problems.
func (h *hostsExport) block(regions []*zonesource.Region, region, vpc string, problems *[]zonesource.Problem) []byte {
	block, left := export.Hosts(regions, export.HostsOptions{Region: region, VPC: vpc, Zone: h.zone, Ours: h.ours})
	*problems = append(*problems, left...)
	for _, name := range export.NamesOf(block) {
		wire, err := zone.ParseName(name)
		if err == nil {
			h.names = append(h.names, wire)
		}
	}
	return block
}

// form is a block as a whole file of the format.
func (h *hostsExport) form(block []byte) []byte {
	if h.flags.format == formatScript {
		return export.HostsScript(block, h.flags.adopt)
	}
	return export.NewHosts(block)
}

func (h *hostsExport) upload(ctx context.Context, region string, block []byte) error {
	if h.uploaded[region] == string(block) {
		return nil
	}
	name, kind := "hosts", "text/plain; charset=utf-8"
	if h.flags.format == formatScript {
		name, kind = "hosts.sh", "text/x-shellscript; charset=utf-8"
	}
	key := h.place.HostsKey(region, name)
	h.progress("uploading s3://%s/%s", h.place.Bucket, key)
	err := h.uploader.Put(ctx, key, h.form(block), kind)
	h.progress("")
	if err != nil {
		return err
	}
	h.uploaded[region] = string(block)
	_, err = fmt.Fprintf(h.out, "uploaded s3://%s/%s\n", h.place.Bucket, key)
	return err
}

// script writes the script where it has changed.
func (h *hostsExport) script(block []byte) error {
	changed, err := export.WriteScript(h.flags.output, h.form(block))
	if err != nil || !changed {
		return err
	}
	_, err = fmt.Fprintf(h.out, "wrote %s\n", h.flags.output)
	return err
}

// file puts the block into the file.
func (h *hostsExport) file(block []byte) error {
	done, err := export.UpdateHosts(h.flags.output, block, h.flags.adopt)
	if err != nil {
		return err
	}
	if done.Kept != "" {
		_, err = fmt.Fprintf(h.out, "kept what there was as %s\n", done.Kept)
	}
	if err == nil && done.Changed {
		_, err = fmt.Fprintf(h.out, "wrote %s\n", h.flags.output)
	}
	if err != nil || h.flags.watch && !done.Changed {
		return err
	}
	for _, l := range done.Left {
		_, err = fmt.Fprintf(h.errors, "! %s:%d: %s keeps %s, which is no address of %s now\n", h.flags.output, l.Number,
			l.Name, l.Addr, l.Beside)
		if err != nil {
			return err
		}
	}
	for _, o := range done.Older {
		_, err = fmt.Fprintf(h.errors, "! %s:%d: %s %s stands above our lines, and wins; --adopt takes it out\n",
			h.flags.output, o.Number, o.Addr, o.Name)
		if err != nil {
			return err
		}
	}
	return nil
}

// tell prints what is left out, once for each change of it.
func (h *hostsExport) tell(problems []zonesource.Problem) error {
	lines := map[string]bool{}
	for _, p := range problems {
		text := strings.Join(strings.Fields(strings.Join([]string{p.Zone, p.Name, p.Type}, " ")), " ")
		lines[fmt.Sprintf("! %s: %s\n", text, p.Reason)] = true
	}
	text := strings.Join(slices.Sorted(maps.Keys(lines)), "")
	if text == h.told {
		return nil
	}
	h.told = text
	_, err := fmt.Fprint(h.errors, text)
	return err
}
