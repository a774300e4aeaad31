package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
	"github.com/pulumi/pulumi/sdk/v3/go/common/util/rpcutil"
	"github.com/pulumi/pulumi/sdk/v3/go/common/version"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"github.com/pulumi/pulumi/sdk/v3/python/toolchain"
	"google.golang.org/protobuf/types/known/emptypb"
)

// host serves the engine's calls about Python.
type host struct {
	pulumirpc.UnimplementedLanguageRuntimeServer

	engine  string // its address
	tracing string
	running context.Context // ends when programs and plugins have to
	cancel  context.CancelFunc
}

// projectPython returns the Python that a project's runtime options in Pulumi.yaml ask for.
// Plugins have a virtualenv by default, because packages are installed for them.
func projectPython(info *pulumirpc.ProgramInfo, isPlugin bool) (
	toolchain.Toolchain, toolchain.PythonOptions, error,
) {
	options := toolchain.PythonOptions{Root: info.GetRootDirectory(), ProgramDir: info.GetProgramDirectory()}
	given := info.GetOptions().AsMap()
	switch name := given["toolchain"]; name {
	case nil:
		options.Toolchain = toolchain.Auto
	case "pip":
		options.Toolchain = toolchain.Pip
	case "poetry":
		options.Toolchain = toolchain.Poetry
	case "uv":
		options.Toolchain = toolchain.Uv
	default:
		return nil, options, fmt.Errorf("unsupported toolchain option: %v", name)
	}
	switch name := given["typechecker"]; name {
	case nil:
		options.Typechecker = toolchain.TypeCheckerNone
	case "mypy":
		options.Typechecker = toolchain.TypeCheckerMypy
	case "pyright":
		options.Typechecker = toolchain.TypeCheckerPyright
	default:
		return nil, options, fmt.Errorf("unsupported typechecker option: %v", name)
	}
	switch path := given["virtualenv"].(type) {
	case nil:
	case string:
		options.Virtualenv = path
	default:
		return nil, options, fmt.Errorf("virtualenv option must be a string")
	}
	usesPip := options.Toolchain == toolchain.Auto || options.Toolchain == toolchain.Pip
	if isPlugin && usesPip && options.Virtualenv == "" {
		options.Virtualenv = "venv"
	}
	python, err := toolchain.ResolveToolchain(options)
	return python, options, err
}

func (h *host) Handshake(
	_ context.Context, request *pulumirpc.LanguageHandshakeRequest,
) (*pulumirpc.LanguageHandshakeResponse, error) {
	h.engine = request.EngineAddress
	return &pulumirpc.LanguageHandshakeResponse{}, nil
}

func (h *host) GetPluginInfo(context.Context, *emptypb.Empty) (*pulumirpc.PluginInfo, error) {
	return &pulumirpc.PluginInfo{Version: version.Version}, nil
}

func (h *host) Cancel(context.Context, *emptypb.Empty) (*emptypb.Empty, error) {
	h.cancel()
	return &emptypb.Empty{}, nil
}

// aboutPip prints three lines: the executable, the version of Python and the version of pip.
const aboutPip = `import platform, sys
try:
    from pip import __version__ as pip
except ImportError:
    pip = ""
print(sys.executable, platform.python_version(), pip, sep="\n")`

// About is asked once for each update and preview. The toolchain of pip starts Python three times for it, once with
// all of pip, which takes longer than all else that the host does: one small process answers the same.
func (h *host) About(ctx context.Context, request *pulumirpc.AboutRequest) (*pulumirpc.AboutResponse, error) {
	python, options, err := projectPython(request.Info, false)
	if err != nil {
		return nil, err
	}
	response := &pulumirpc.AboutResponse{Metadata: map[string]string{
		"toolchain":   toolchain.Name(options.Toolchain),
		"typechecker": toolchain.TypeCheckerName(options.Typechecker),
	}}
	if fmt.Sprintf("%T", python) != "*toolchain.pip" { // the type is not exported
		about, err := python.About(ctx)
		if err != nil {
			return nil, err
		}
		response.Executable, response.Version = about.PythonExecutable, about.PythonVersion.String()
		response.Metadata["toolchainVersion"] = about.ToolchainVersion.String()
		return response, nil
	}
	command, err := python.Command(ctx, "-c", aboutPip)
	if err != nil {
		return nil, err
	}
	output, err := command.Output()
	if err != nil {
		return nil, fmt.Errorf("asking %s for its version: %w", command.Path, err)
	}
	lines := strings.Split(string(output), "\n")
	if len(lines) < 3 {
		return nil, fmt.Errorf("unexpected answer of %s: %q", command.Path, output)
	}
	response.Executable, response.Version = lines[0], lines[1]
	response.Metadata["toolchainVersion"] = lines[2]
	return response, nil
}

func (h *host) InstallDependencies(
	request *pulumirpc.InstallDependenciesRequest, server pulumirpc.LanguageRuntime_InstallDependenciesServer,
) error {
	ctx, directory := server.Context(), request.Info.ProgramDirectory
	python, _, err := projectPython(request.Info, request.IsPlugin)
	if err != nil {
		return err
	}
	output, stdout, stderr, err := rpcutil.MakeInstallDependenciesStreams(
		&serial[pulumirpc.InstallDependenciesResponse]{ServerStreamingServer: server}, request.IsTerminal)
	if err != nil {
		return err
	}
	defer output.Close()
	fmt.Fprint(stdout, "Installing dependencies...\n\n")
	versionTools := request.UseLanguageVersionTools
	if request.IsPlugin {
		buildable, err := toolchain.IsBuildablePackage(directory)
		if err != nil {
			return err
		}
		if buildable {
			if err := python.InstallPackage(ctx, directory, versionTools, true, stdout, stderr); err != nil {
				return err
			}
		}
	}
	if err := python.InstallDependencies(ctx, directory, versionTools, true, stdout, stderr); err != nil {
		return err
	}
	fmt.Fprint(stdout, "Finished installing dependencies\n\n")
	return output.Close()
}

func (h *host) RuntimeOptionsPrompts(
	_ context.Context, request *pulumirpc.RuntimeOptionsRequest,
) (*pulumirpc.RuntimeOptionsResponse, error) {
	given := request.Info.GetOptions().AsMap()
	response := &pulumirpc.RuntimeOptionsResponse{}
	ask := func(key, description string, choices ...*pulumirpc.RuntimeOptionPrompt_RuntimeOptionValue) {
		response.Prompts = append(response.Prompts, &pulumirpc.RuntimeOptionPrompt{
			Key: key, Description: description, PromptType: pulumirpc.RuntimeOptionPrompt_STRING,
			Choices: choices, Default: choices[0],
		})
	}
	value := func(text string) *pulumirpc.RuntimeOptionPrompt_RuntimeOptionValue {
		return &pulumirpc.RuntimeOptionPrompt_RuntimeOptionValue{
			PromptType: pulumirpc.RuntimeOptionPrompt_STRING, StringValue: text, DisplayName: text,
		}
	}
	switch _, hasVirtualenv := given["virtualenv"]; {
	case given["toolchain"] == nil:
		others := plugin.MakeExecutablePromptChoices("poetry", "uv")
		ask("toolchain", "The toolchain to use for installing dependencies and running the program",
			append([]*pulumirpc.RuntimeOptionPrompt_RuntimeOptionValue{value("pip")}, others...)...)
	case given["toolchain"] == "pip" && !hasVirtualenv:
		ask("virtualenv", "The virtualenv to use", value("venv"))
	}
	return response, nil
}

func (h *host) Template(
	ctx context.Context, request *pulumirpc.TemplateRequest,
) (*pulumirpc.TemplateResponse, error) {
	python, _, err := projectPython(request.Info, false)
	if err != nil {
		return nil, err
	}
	directory := request.Info.ProgramDirectory
	err = python.PrepareProject(ctx, request.ProjectName, directory, false, nil, nil)
	return &pulumirpc.TemplateResponse{}, err
}
