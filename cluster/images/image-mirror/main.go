// Command image-mirror is a registry that can only be read: it serves the images in a folder of
// archives (as `docker save` writes them), so that a node without a network can also pull images
// whose Pods insist on pulling, as those with the tag `latest` do.
package main

import (
	"archive/tar"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

const (
	manifestType = "application/vnd.docker.distribution.manifest.v2+json"
	configType   = "application/vnd.docker.container.image.v1+json"
	layerType    = "application/vnd.docker.image.rootfs.diff.tar"
)

// place is where a blob is: a part of an archive.
type place struct {
	path         string
	offset, size int64
}

type registry struct {
	blobs     map[string]place
	manifests map[string][]byte // by digest
	tags      map[string]string // repository:tag to digest
}

type descriptor struct {
	MediaType string `json:"mediaType"`
	Size      int64  `json:"size"`
	Digest    string `json:"digest"`
}

func main() {
	if len(os.Args) != 3 {
		log.Fatal("usage: image-mirror ADDRESS FOLDER")
	}
	// Read anew for each request: archives are few, and come one by one.
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		found, err := read(os.Args[2])
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		found.serve(w, r)
	})
	server := &http.Server{Addr: os.Args[1], Handler: handler, ReadHeaderTimeout: 5 * time.Second}
	log.Fatal(server.ListenAndServe())
}

func read(folder string) (*registry, error) {
	found := &registry{map[string]place{}, map[string][]byte{}, map[string]string{}}
	archives, err := filepath.Glob(filepath.Join(folder, "*.tar"))
	if err != nil {
		return nil, err
	}
	for _, archive := range archives {
		if err := found.add(archive); err != nil {
			log.Printf("%s: %v", archive, err)
		}
	}
	return found, nil
}

// add reads one archive. Names of files in it are the digests of their contents.
func (g *registry) add(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	inside := map[string]place{}
	var table []struct {
		Config           string
		RepoTags, Layers []string
	}
	reader := tar.NewReader(file)
	for {
		header, err := reader.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		if header.Name == "manifest.json" {
			if err := json.NewDecoder(reader).Decode(&table); err != nil {
				return err
			}
			continue
		}
		offset, err := file.Seek(0, io.SeekCurrent)
		if err != nil {
			return err
		}
		inside[header.Name] = place{path, offset, header.Size}
	}
	for _, image := range table {
		manifest := map[string]any{"schemaVersion": 2, "mediaType": manifestType}
		var layers []descriptor
		for _, name := range append([]string{image.Config}, image.Layers...) {
			digest := "sha256:" + strings.TrimSuffix(strings.TrimSuffix(filepath.Base(name), ".tar"), ".json")
			g.blobs[digest] = inside[name]
			layers = append(layers, descriptor{layerType, inside[name].size, digest})
		}
		layers[0].MediaType = configType
		manifest["config"], manifest["layers"] = layers[0], layers[1:]
		raw, err := json.Marshal(manifest)
		if err != nil {
			return err
		}
		sum := sha256.Sum256(raw)
		digest := "sha256:" + hex.EncodeToString(sum[:])
		g.manifests[digest] = raw
		for _, tag := range image.RepoTags {
			g.tags[repository(tag)] = digest
		}
	}
	return nil
}

// repository turns `nginx:latest` into what a registry is asked for: `library/nginx:latest`.
func repository(tag string) string {
	host, rest, found := strings.Cut(tag, "/")
	if found && strings.ContainsAny(host, ".:") {
		return rest
	}
	if !found {
		return "library/" + tag
	}
	return tag
}

func (g *registry) serve(w http.ResponseWriter, r *http.Request) {
	rest, ok := strings.CutPrefix(r.URL.Path, "/v2/")
	if !ok || (r.Method != http.MethodGet && r.Method != http.MethodHead) {
		http.NotFound(w, r)
		return
	}
	if rest == "" {
		fmt.Fprint(w, "{}")
		return
	}
	if name, reference, ok := strings.Cut(rest, "/manifests/"); ok {
		digest := reference
		if !strings.HasPrefix(reference, "sha256:") {
			digest = g.tags[name+":"+reference]
		}
		if raw, ok := g.manifests[digest]; ok {
			send(w, r, manifestType, digest, int64(len(raw)), strings.NewReader(string(raw)))
			return
		}
	}
	if _, digest, ok := strings.Cut(rest, "/blobs/"); ok {
		if blob, ok := g.blobs[digest]; ok {
			file, err := os.Open(blob.path)
			if err == nil {
				defer file.Close()
				section := io.NewSectionReader(file, blob.offset, blob.size)
				send(w, r, "application/octet-stream", digest, blob.size, section)
				return
			}
		}
	}
	http.Error(w, `{"errors":[{"code":"MANIFEST_UNKNOWN","message":"not in this mirror"}]}`, http.StatusNotFound)
}

func send(w http.ResponseWriter, r *http.Request, kind, digest string, size int64, body io.Reader) {
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Docker-Content-Digest", digest)
	w.Header().Set("Content-Length", strconv.FormatInt(size, 10))
	if r.Method == http.MethodHead {
		return
	}
	if _, err := io.Copy(w, body); err != nil {
		log.Printf("%s was not taken: %v", digest, err)
	}
}
