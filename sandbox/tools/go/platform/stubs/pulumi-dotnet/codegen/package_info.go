// Package codegen stands in for a module whose releases on the Go module proxy do not compile against the engine's.
//
// Only the docker-build provider's schema generator, never the provider, uses it.
package codegen

// CSharpPackageInfo has the fields that the schema generator sets.
type CSharpPackageInfo struct {
	RespectSchemaVersion bool              `json:"respectSchemaVersion,omitempty"`
	PackageReferences    map[string]string `json:"packageReferences,omitempty"`
}
