// Pulumi's own Kubernetes plugin, from its Go module: the module leaves out the two files that the
// official main.go embeds, so they lie beside the executable instead.
package main

import (
	"log"
	"os"
	"path/filepath"

	"github.com/pulumi/pulumi-kubernetes/provider/v4/pkg/provider"
	"github.com/pulumi/pulumi-kubernetes/provider/v4/pkg/version"
)

func beside(name string) []byte {
	executable, err := os.Executable()
	if err == nil {
		var content []byte
		if content, err = os.ReadFile(filepath.Join(filepath.Dir(executable), name)); err == nil {
			return content
		}
	}
	log.Fatal(err)
	return nil
}

func main() {
	provider.Serve("kubernetes", version.Version, beside("schema.json"), beside("terraform-mapping.json"))
}
