package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/pulumi/pulumi/pkg/v3/codegen/hcl2/syntax"
	"github.com/pulumi/pulumi/pkg/v3/codegen/pcl"
	"github.com/pulumi/pulumi/pkg/v3/codegen/python"
	"github.com/pulumi/pulumi/pkg/v3/codegen/schema"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
	"github.com/pulumi/pulumi/sdk/v3/go/common/workspace"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// withSchemas runs a generator with the engine's loader of package schemas. An error in the input is part of the
// answer, as diagnostics.
func withSchemas(
	target string, generate func(schema.ReferenceLoader) (hcl.Diagnostics, error),
) (hcl.Diagnostics, error) {
	loader, err := schema.NewLoaderClient(target)
	if err != nil {
		return nil, fmt.Errorf("connecting to the engine's schema loader: %w", err)
	}
	defer loader.Close()
	return generate(schema.NewCachedLoader(loader))
}

func bindOptions(strict bool) []pcl.BindOption {
	options := []pcl.BindOption{pcl.PreferOutputVersionedInvokes}
	if strict {
		return options
	}
	return append(options, pcl.NonStrictBindOptions()...)
}

// GenerateProgram writes a program in Python for one in PCL: what `pulumi import` and `pulumi convert` show.
func (h *host) GenerateProgram(
	_ context.Context, request *pulumirpc.GenerateProgramRequest,
) (*pulumirpc.GenerateProgramResponse, error) {
	parser := syntax.NewParser()
	for name, text := range request.Source {
		if err := parser.ParseFile(strings.NewReader(text), name); err != nil {
			return nil, err
		}
	}
	if parser.Diagnostics.HasErrors() {
		return nil, parser.Diagnostics
	}
	var source map[string][]byte
	diagnostics, err := withSchemas(request.LoaderTarget, func(loader schema.ReferenceLoader) (hcl.Diagnostics, error) {
		program, found, err := pcl.BindProgram(parser.Files, loader, bindOptions(request.Strict)...)
		if err != nil || found.HasErrors() {
			return found, err
		}
		files, more, err := python.GenerateProgram(program)
		source = files
		return append(found, more...), err
	})
	if err != nil {
		return nil, err
	}
	return &pulumirpc.GenerateProgramResponse{
		Source: source, Diagnostics: plugin.HclDiagnosticsToRPCDiagnostics(diagnostics),
	}, nil
}

// GenerateProject writes a project in Python for one in PCL.
func (h *host) GenerateProject(
	_ context.Context, request *pulumirpc.GenerateProjectRequest,
) (*pulumirpc.GenerateProjectResponse, error) {
	var project workspace.Project
	if err := json.Unmarshal([]byte(request.Project), &project); err != nil {
		return nil, err
	}
	diagnostics, err := withSchemas(request.LoaderTarget, func(loader schema.ReferenceLoader) (hcl.Diagnostics, error) {
		program, found, err := pcl.BindDirectory(request.SourceDirectory, loader, bindOptions(request.Strict)...)
		if err != nil || found.HasErrors() {
			return found, err
		}
		return found, python.GenerateProject(
			request.TargetDirectory, project, program, request.LocalDependencies, "", "")
	})
	if err != nil {
		return nil, err
	}
	return &pulumirpc.GenerateProjectResponse{
		Diagnostics: plugin.HclDiagnosticsToRPCDiagnostics(diagnostics),
	}, nil
}

// GeneratePackage writes the Python package of a plugin's schema.
func (h *host) GeneratePackage(
	_ context.Context, request *pulumirpc.GeneratePackageRequest,
) (*pulumirpc.GeneratePackageResponse, error) {
	var spec schema.PackageSpec
	if err := json.Unmarshal([]byte(request.Schema), &spec); err != nil {
		return nil, err
	}
	diagnostics, err := withSchemas(request.LoaderTarget, func(loader schema.ReferenceLoader) (hcl.Diagnostics, error) {
		options := schema.ValidationOptions{AllowDanglingReferences: true}
		described, found, err := schema.BindSpec(spec, loader, options)
		if err != nil || found.HasErrors() {
			return found, err
		}
		files, err := python.GeneratePackage("pulumi-language-python", described, request.ExtraFiles, loader)
		if err != nil {
			return found, err
		}
		return found, write(request.Directory, files)
	})
	if err != nil {
		return nil, err
	}
	return &pulumirpc.GeneratePackageResponse{
		Diagnostics: plugin.HclDiagnosticsToRPCDiagnostics(diagnostics),
	}, nil
}

func write(directory string, files map[string][]byte) error {
	for name, content := range files {
		path := filepath.Join(directory, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return err
		}
		if err := os.WriteFile(path, content, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// Pack is not implemented: it publishes packages, which this host is not for.
func (h *host) Pack(context.Context, *pulumirpc.PackRequest) (*pulumirpc.PackResponse, error) {
	return nil, status.Error(codes.Unimplemented,
		"this pulumi-language-python does not build packages: run `python -m build` in the package's directory")
}

// Link is not implemented: it edits a project's requirements.
func (h *host) Link(context.Context, *pulumirpc.LinkRequest) (*pulumirpc.LinkResponse, error) {
	return nil, status.Error(codes.Unimplemented,
		"this pulumi-language-python does not edit requirements: add the package's directory to them")
}
