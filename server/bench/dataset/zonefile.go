package dataset

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
)

// WriteZoneFile writes the zone with that many hosts and CNAMEs to a new file.
func WriteZoneFile(path string, hosts, cnames int) error {
	return writeFile(path, func(w io.Writer) error {
		_,
			err := fmt.Fprintf(w,
			"$ORIGIN %s\n$TTL 60\n@ IN SOA ns1 host 1 3600 600 86400 60\n@ IN NS ns1\nns1 IN A 10.255.0.1\n", Zone)
		for i := 1; i <= hosts && err == nil; i++ {
			_, err = fmt.Fprintf(w, "host-%06d 60 IN A %s\n", i, dotted(Address(i)))
		}
		for i := 1; i <= cnames && err == nil; i++ {
			_, err = fmt.Fprintf(w, "name-%06d 60 IN CNAME host-%06d.%s\n", i, target(i), Zone)
		}
		return err
	})
}

func writeFile(path string, content func(io.Writer) error) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	w := bufio.NewWriterSize(f, 1<<20)
	err = content(w)
	if err == nil {
		err = w.Flush()
	}
	err = errors.Join(err, f.Close())
	if err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	return nil
}

// writeList writes the output of one call.
func writeList(path, name string, items []string) error {
	return writeFile(path, func(w io.Writer) error {
		_, err := fmt.Fprintf(w, "{%q: [", name)
		for i, item := range items {
			if err != nil {
				return err
			}
			comma := ","
			if i == 0 {
				comma = ""
			}
			_, err = fmt.Fprintf(w, "%s\n%s", comma, item)
		}
		if err != nil {
			return err
		}
		_, err = io.WriteString(w, "\n]}\n")
		return err
	})
}
