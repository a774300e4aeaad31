// Package java stands in for a module that is on no Go module proxy and that
// only the docker-build provider's schema generator, never the provider, uses.
package java

// PackageInfo has the two fields that the schema generator sets.
type PackageInfo struct {
	BuildFiles                      string            `json:"buildFiles,omitempty"`
	GradleNexusPublishPluginVersion string            `json:"gradleNexusPublishPluginVersion,omitempty"`
	Dependencies                    map[string]string `json:"dependencies,omitempty"`
}
