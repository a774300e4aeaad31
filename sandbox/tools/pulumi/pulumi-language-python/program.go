package main

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"github.com/pulumi/pulumi/sdk/v3/python/toolchain"
)

// runner is the script that runs a program in the project's own Python.
//
//go:embed program.py
var runner string

// reportedExitCode is the runner's exit code after an error that it has already shown to the user.
const reportedExitCode = 32

func (h *host) Run(call context.Context, request *pulumirpc.RunRequest) (*pulumirpc.RunResponse, error) {
	ctx, cancel := h.bound(call)
	defer cancel()
	if request.AttachDebugger {
		return nil, errors.New("this pulumi-language-python cannot attach a debugger: omit --attach-debugger")
	}
	python, options, err := projectPython(request.Info, false)
	if err != nil {
		return nil, err
	}
	if err := python.ValidateVenv(ctx); err != nil {
		return nil, err
	}
	if options.Typechecker != toolchain.TypeCheckerNone {
		if err := typecheck(ctx, python, options); err != nil {
			return nil, err
		}
	}
	cmd, err := h.programCommand(ctx, python, request)
	if err != nil {
		return nil, err
	}
	switch err := cmd.Run(); exitCode(err) {
	case 0:
		return &pulumirpc.RunResponse{}, nil
	case reportedExitCode:
		return &pulumirpc.RunResponse{Bail: true}, nil
	case notStarted:
		return nil, fmt.Errorf("running %s: %w", cmd.Path, err)
	default:
		message := fmt.Sprintf("program exited with non-zero exit code: %d", exitCode(err))
		return &pulumirpc.RunResponse{Error: message}, nil
	}
}

// programCommand returns the command that runs a program, which reads its configuration from its environment.
func (h *host) programCommand(
	ctx context.Context, python toolchain.Toolchain, request *pulumirpc.RunRequest,
) (*exec.Cmd, error) {
	arguments := []string{"-"}
	for _, option := range [][2]string{
		{"monitor", request.MonitorAddress},
		{"engine", h.engine},
		{"project", request.Project},
		{"root_directory", request.Info.RootDirectory},
		{"stack", request.Stack},
		{"pwd", request.Pwd},
		{"dry_run", strconv.FormatBool(request.DryRun)},
		{"parallel", strconv.Itoa(int(request.Parallel))},
		{"tracing", h.tracing},
		{"organization", request.Organization},
		{"reported_exit_code", strconv.Itoa(reportedExitCode)},
	} {
		if option[1] != "" {
			arguments = append(arguments, "--"+option[0], option[1])
		}
	}
	arguments = append(append(arguments, request.Info.EntryPoint), request.Args...)
	cmd, err := python.Command(ctx, arguments...)
	if err != nil {
		return nil, err
	}
	config, err := asJSON(request.Config)
	if err != nil {
		return nil, err
	}
	secretKeys, err := json.Marshal(append([]string{}, request.ConfigSecretKeys...))
	if err != nil {
		return nil, err
	}
	cmd.Env = append(cmd.Environ(), "PULUMI_CONFIG="+config, "PULUMI_CONFIG_SECRET_KEYS="+string(secretKeys))
	cmd.Stdin = strings.NewReader(runner)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	interruptible(cmd)
	dieWithHost(cmd)
	return cmd, nil
}

// asJSON encodes a map, an absent one as an empty one.
func asJSON(values map[string]string) (string, error) {
	present := map[string]string{}
	maps.Copy(present, values)
	text, err := json.Marshal(present)
	return string(text), err
}

const notStarted = -2

// exitCode returns a process's exit code: -1 if a signal ended it, notStarted if it never ran.
func exitCode(err error) int {
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit):
		return exit.ExitCode()
	default:
		return notStarted
	}
}

// typecheck runs the project's typechecker, and fails if it finds an error.
func typecheck(ctx context.Context, python toolchain.Toolchain, options toolchain.PythonOptions) error {
	name := strings.ToLower(toolchain.TypeCheckerName(options.Typechecker))
	installed, err := python.ListPackages(ctx, true)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(installed, func(p plugin.DependencyInfo) bool { return p.Name == name }) {
		return fmt.Errorf("the typechecker option is set to %[1]s, but %[1]s is not installed: "+
			"add it to the project's dependencies and run `pulumi install`", name)
	}
	var arguments []string
	virtualenv, err := python.VirtualEnvPath(ctx)
	if err != nil {
		return err
	}
	if name == "mypy" && virtualenv != "" {
		excluded, err := filepath.Rel(options.ProgramDir, virtualenv)
		if err != nil {
			return err
		}
		arguments = []string{"--exclude", excluded}
	}
	cmd, err := python.ModuleCommand(ctx, name, append(arguments, options.ProgramDir)...)
	if err != nil {
		return err
	}
	var output bytes.Buffer
	cmd.Dir = options.ProgramDir
	cmd.Stdout = io.MultiWriter(os.Stdout, &output) // the engine shows what the host prints
	cmd.Stderr = cmd.Stdout
	dieWithHost(cmd)
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s failed: %w\n%s", name, err, strings.TrimSpace(output.String()))
	}
	return nil
}
