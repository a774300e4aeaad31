package main

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
	"github.com/pulumi/pulumi/sdk/v3/go/common/util/errutil"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
)

// lister is the script that lists the installed packages: one process, because it runs for every preview.
//
//go:embed packages.py
var lister string

// withoutPlugin are Pulumi's packages that have no plugin and no pulumi-plugin.json that says so.
var withoutPlugin = []string{"pulumi-policy", "pulumi-esc-sdk"}

// onFirstUse are packages whose plugin the engine gets when a resource needs it, as it does with any that is
// missing. The sandbox compiles this one only for stacks on a Docker engine. If it were listed, all other stacks
// would try to download it in each update, which takes five attempts without the internet.
var onFirstUse = []string{"pulumi-docker"}

// installed is a package, and its pulumi-plugin.json if it has one.
type installed struct {
	Name    string
	Version string
	Plugin  *plugin.PulumiPluginJSON
}

// GetRequiredPackages lists the plugins that the installed packages need. It makes a missing virtualenv first.
func (h *host) GetRequiredPackages(
	ctx context.Context, request *pulumirpc.GetRequiredPackagesRequest,
) (*pulumirpc.GetRequiredPackagesResponse, error) {
	python, _, err := projectPython(request.Info, false)
	if err != nil {
		return nil, err
	}
	directory := request.Info.ProgramDirectory
	if err := python.EnsureVenv(ctx, directory, false, true, os.Stdout, os.Stderr); err != nil {
		return nil, err
	}
	if err := python.ValidateVenv(ctx); err != nil {
		return nil, err
	}
	cmd, err := python.Command(ctx, "-c", lister)
	if err != nil {
		return nil, err
	}
	output, err := cmd.Output()
	if err != nil {
		return nil, errutil.ErrorWithStderr(err, "listing the installed packages with "+cmd.Path)
	}
	var found []installed
	if err := json.Unmarshal(output, &found); err != nil {
		return nil, fmt.Errorf("reading the list of installed packages: %w", err)
	}
	response := &pulumirpc.GetRequiredPackagesResponse{}
	for _, each := range found {
		if needed := each.dependency(); needed != nil {
			response.Packages = append(response.Packages, needed)
		}
	}
	return response, nil
}

// dependency returns the plugin that a package needs, or nil. What its pulumi-plugin.json does not say follows
// from the package's name and version; one whose version is no plugin's version is left out.
func (i installed) dependency() *pulumirpc.PackageDependency {
	described := i.Plugin
	if described == nil {
		described = &plugin.PulumiPluginJSON{Resource: strings.HasPrefix(i.Name, "pulumi-")}
	}
	if !described.Resource || slices.Contains(withoutPlugin, i.Name) || slices.Contains(onFirstUse, i.Name) {
		return nil
	}
	version := described.Version
	if version == "" {
		version = pluginVersion(i.Version)
	}
	if version == "" {
		return nil
	}
	name := described.Name
	if name == "" {
		name = strings.TrimPrefix(i.Name, "pulumi-")
	}
	return &pulumirpc.PackageDependency{
		Name:             name,
		Version:          "v" + strings.TrimPrefix(version, "v"),
		Kind:             "resource",
		Server:           described.Server,
		Parameterization: parameterization(described.Parameterization),
		Extension:        parameterization(described.ExtensionParameterization),
	}
}

func parameterization(described *plugin.PulumiParameterizationJSON) *pulumirpc.PackageParameterization {
	if described == nil {
		return nil
	}
	return &pulumirpc.PackageParameterization{
		Name: described.Name, Version: described.Version, Value: described.Value,
	}
}

var (
	pep440 = regexp.MustCompile(`^(\d+(?:\.\d+)*)(?:(a|b|rc)(\d+))?(?:\.(post\d+))?(?:\.(dev\d+))?$`)
	phases = map[string]string{"a": "-alpha.", "b": "-beta.", "rc": "-rc."}
)

// pluginVersion returns the semantic version of a PEP 440 version: 1.2.0-alpha.3+post4 for 1.2a3.post4.
// It returns "" for a version with an epoch or a local part, which have no counterpart.
func pluginVersion(version string) string {
	parts := pep440.FindStringSubmatch(version)
	if parts == nil {
		return ""
	}
	release, phase, number, build := parts[1], parts[2], parts[3], parts[4]+parts[5]
	for strings.Count(release, ".") < 2 {
		release += ".0"
	}
	if build != "" {
		build = "+" + build
	}
	return release + phases[phase] + number + build
}

// GetProgramDependencies lists the packages that the program's toolchain knows.
func (h *host) GetProgramDependencies(
	ctx context.Context, request *pulumirpc.GetProgramDependenciesRequest,
) (*pulumirpc.GetProgramDependenciesResponse, error) {
	python, _, err := projectPython(request.Info, false)
	if err != nil {
		return nil, err
	}
	found, err := python.ListPackages(ctx, request.TransitiveDependencies)
	if err != nil {
		return nil, err
	}
	response := &pulumirpc.GetProgramDependenciesResponse{}
	for _, each := range found {
		response.Dependencies = append(response.Dependencies,
			&pulumirpc.DependencyInfo{Name: each.Name, Version: each.Version})
	}
	return response, nil
}
