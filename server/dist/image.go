package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"time"
)

// imageUser is who the program is in an image: not root, and no user of the host's.
const imageUser = 65532

// Media types of the OCI image specification 1.1.
const (
	typeIndex    = "application/vnd.oci.image.index.v1+json"
	typeManifest = "application/vnd.oci.image.manifest.v1+json"
	typeConfig   = "application/vnd.oci.image.config.v1+json"
	typeLayer    = "application/vnd.oci.image.layer.v1.tar+gzip"
)

// descriptor points to a blob.
type descriptor struct {
	MediaType   string            `json:"mediaType"`
	Digest      string            `json:"digest"`
	Size        int               `json:"size"`
	Platform    *imagePlatform    `json:"platform,omitempty"`
	Annotations map[string]string `json:"annotations,omitempty"`
}

type imagePlatform struct {
	Architecture string `json:"architecture"`
	OS           string `json:"os"`
}

type index struct {
	SchemaVersion int          `json:"schemaVersion"`
	MediaType     string       `json:"mediaType"`
	Manifests     []descriptor `json:"manifests"`
}

type manifest struct {
	SchemaVersion int               `json:"schemaVersion"`
	MediaType     string            `json:"mediaType"`
	Config        descriptor        `json:"config"`
	Layers        []descriptor      `json:"layers"`
	Annotations   map[string]string `json:"annotations"`
}

type imageConfig struct {
	Created      time.Time       `json:"created"`
	Architecture string          `json:"architecture"`
	OS           string          `json:"os"`
	Config       containerConfig `json:"config"`
	RootFS       rootFS          `json:"rootfs"`
	History      []history       `json:"history"`
}

// containerConfig is how a container runs. Healthcheck is Docker's: the specification has none.
type containerConfig struct {
	User         string
	ExposedPorts map[string]struct{}
	Env          []string
	Entrypoint   []string
	Cmd          []string
	Volumes      map[string]struct{}
	WorkingDir   string
	Labels       map[string]string
	StopSignal   string
	Healthcheck  healthcheck
}

// healthcheck has its times in nanoseconds.
type healthcheck struct {
	Test        []string
	Interval    time.Duration
	Timeout     time.Duration
	StartPeriod time.Duration
	Retries     int
}

type rootFS struct {
	Type    string   `json:"type"`
	DiffIDs []string `json:"diff_ids"`
}

type history struct {
	Created   time.Time `json:"created"`
	CreatedBy string    `json:"created_by"`
}

// image is an image of one platform: its manifest, and the blobs that it needs.
type image struct {
	manifest descriptor
	blobs    [][]byte
}

// image makes the image of a platform: the program, the certificates, a configuration, a user.
func (r *release) image(p platform, binary string) (image, error) {
	_, _ = fmt.Fprintf(r.log, "dist: making an image for %s\n", p.arch)
	layer, err := r.layer(binary)
	if err != nil {
		return image{}, fmt.Errorf("making the layer of the image for %s: %w", p.arch, err)
	}
	var packed bytes.Buffer
	w, err := gzip.NewWriterLevel(&packed, gzip.BestCompression)
	if err != nil {
		return image{}, err
	}
	_, err = w.Write(layer)
	err = errors.Join(err, w.Close())
	if err != nil {
		return image{}, err
	}
	labels := map[string]string{
		"org.opencontainers.image.title":       "inside53",
		"org.opencontainers.image.description": "internal split-horizon DNS for AWS",
		"org.opencontainers.image.licenses":    "MIT",
		"org.opencontainers.image.version":     r.version,
		"org.opencontainers.image.revision":    r.commit,
		"org.opencontainers.image.created":     r.made.Format(time.RFC3339),
	}
	config, err := json.Marshal(imageConfig{
		Created: r.made, Architecture: p.arch, OS: p.os,
		Config: containerConfig{
			User:         fmt.Sprintf("%d:%d", imageUser, imageUser),
			ExposedPorts: map[string]struct{}{"53/tcp": {}, "53/udp": {}},
			Env:          []string{"PATH=/usr/bin"},
			Entrypoint:   []string{"/usr/bin/inside53"},
			Cmd:          []string{"serve", "--config", "/etc/inside53/inside53.yaml"},
			Volumes:      map[string]struct{}{"/var/lib/inside53": {}},
			WorkingDir:   "/",
			Labels:       labels,
			StopSignal:   "SIGTERM",
			Healthcheck: healthcheck{Test: []string{"CMD", "/usr/bin/inside53", "ready"},
				Interval: 10 * time.Second, Timeout: 5 * time.Second, StartPeriod: time.Minute, Retries: 3},
		},
		RootFS:  rootFS{Type: "layers", DiffIDs: []string{digest(layer)}},
		History: []history{{Created: r.made, CreatedBy: "make dist VERSION=" + r.version}},
	})
	if err != nil {
		return image{}, err
	}
	text, err := json.Marshal(manifest{
		SchemaVersion: 2, MediaType: typeManifest, Config: describe(typeConfig, config),
		Layers: []descriptor{describe(typeLayer, packed.Bytes())}, Annotations: labels,
	})
	if err != nil {
		return image{}, err
	}
	i := image{manifest: describe(typeManifest, text), blobs: [][]byte{packed.Bytes(), config, text}}
	i.manifest.Platform = &imagePlatform{Architecture: p.arch, OS: p.os}
	return i, nil
}

func digest(blob []byte) string {
	sum := sha256.Sum256(blob)
	return "sha256:" + hex.EncodeToString(sum[:])
}

func describe(mediaType string, blob []byte) descriptor {
	return descriptor{MediaType: mediaType, Digest: digest(blob), Size: len(blob)}
}

// layer is the root of the image as a tar.
func (r *release) layer(binary string) ([]byte, error) {
	program, err := os.ReadFile(binary)
	if err != nil {
		return nil, err
	}
	config, err := os.ReadFile("examples/minimal.yaml")
	if err != nil {
		return nil, err
	}
	certificates, err := certificates()
	if err != nil {
		return nil, err
	}
	user := fmt.Sprintf("inside53:x:%d:%d::/var/lib/inside53:/usr/sbin/nologin\n", imageUser, imageUser)
	var out bytes.Buffer
	a := archive{w: tar.NewWriter(&out), made: r.made}
	for _, name := range []string{"etc", "etc/inside53", "etc/ssl", "etc/ssl/certs", "usr", "usr/bin", "var", "var/lib"} {
		a.directory(name, 0o755, 0)
	}
	a.directory("tmp", 0o1777, 0)
	a.directory("var/lib/inside53", 0o700, imageUser)
	a.file("etc/group", []byte(fmt.Sprintf("inside53:x:%d:\n", imageUser)), 0o644)
	a.file("etc/inside53/inside53.yaml", config, 0o644)
	a.file("etc/passwd", []byte(user), 0o644)
	a.file("etc/ssl/certs/ca-certificates.crt", certificates, 0o644)
	a.file("usr/bin/inside53", program, 0o755)
	err = errors.Join(a.err, a.w.Close())
	return out.Bytes(), err
}

// archive writes files of root's into a tar; the first error stays.
type archive struct {
	w    *tar.Writer
	made time.Time
	err  error
}

func (a *archive) directory(name string, mode int64, owner int) {
	a.add(&tar.Header{Typeflag: tar.TypeDir, Name: name + "/", Mode: mode, Uid: owner, Gid: owner}, nil)
}

func (a *archive) file(name string, data []byte, mode int64) {
	a.add(&tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: mode}, data)
}

func (a *archive) add(h *tar.Header, data []byte) {
	if a.err != nil {
		return
	}
	h.ModTime, h.Size, h.Format = a.made, int64(len(data)), tar.FormatUSTAR
	a.err = a.w.WriteHeader(h)
	if a.err != nil {
		return
	}
	_, a.err = a.w.Write(data)
}

// writeImages writes all images as one OCI layout in a tar, for `skopeo copy oci-archive:` and
// `podman load`.
func (r *release) writeImages(images []image) (err error) {
	if len(images) == 0 {
		return nil
	}
	all := index{SchemaVersion: 2, MediaType: typeIndex}
	var blobs [][]byte
	for _, i := range images {
		all.Manifests = append(all.Manifests, i.manifest)
		blobs = append(blobs, i.blobs...)
	}
	text, err := json.Marshal(all)
	if err != nil {
		return err
	}
	blobs = append(blobs, text)
	top := describe(typeIndex, text)
	top.Annotations = map[string]string{
		"org.opencontainers.image.ref.name": r.version,
		"io.containerd.image.name":          "inside53:" + r.version,
	}
	entry, err := json.Marshal(index{SchemaVersion: 2, MediaType: typeIndex, Manifests: []descriptor{top}})
	if err != nil {
		return err
	}
	out, err := os.Create(filepath.Join(r.out, "inside53_"+r.number()+"_oci.tar"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	a := archive{w: tar.NewWriter(io.Writer(out)), made: r.made}
	a.file("oci-layout", []byte(`{"imageLayoutVersion":"1.0.0"}`), 0o644)
	a.file("index.json", entry, 0o644)
	a.directory("blobs", 0o755, 0)
	a.directory("blobs/sha256", 0o755, 0)
	for _, blob := range blobs {
		a.file(path.Join("blobs/sha256", digest(blob)[len("sha256:"):]), blob, 0o644)
	}
	return errors.Join(a.err, a.w.Close())
}
