package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"

	"github.com/pulumi/pulumi/sdk/v3"
	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"
	"github.com/pulumi/pulumi/sdk/v3/go/common/util/rpcutil"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"github.com/pulumi/pulumi/sdk/v3/python/toolchain"
)

// RunPlugin runs a component package or a policy pack until it ends.
func (h *host) RunPlugin(
	request *pulumirpc.RunPluginRequest, server pulumirpc.LanguageRuntime_RunPluginServer,
) error {
	ctx, cancel := h.bound(server.Context())
	defer cancel()
	isPolicyPack := request.Kind == string(apitype.AnalyzerPlugin)
	python, _, err := projectPython(request.Info, !isPolicyPack)
	if err != nil {
		return err
	}
	if err := python.ValidateVenv(ctx); err != nil {
		return err
	}
	_, stdout, stderr, err := rpcutil.MakeRunPluginStreams(
		&serial[pulumirpc.RunPluginResponse]{ServerStreamingServer: server}, false)
	if err != nil {
		return err
	}
	run := runPackage
	if isPolicyPack {
		run = runPolicyPack
	}
	err = run(ctx, python, request, stdout, stderr)
	if code := exitCode(err); code != notStarted {
		return server.Send(&pulumirpc.RunPluginResponse{
			Output: &pulumirpc.RunPluginResponse_Exitcode{Exitcode: int32(code)},
		})
	}
	return err
}

// runPackage runs a component package: its __main__.py, or the components of what pyproject.toml builds.
func runPackage(
	ctx context.Context, python toolchain.Toolchain, request *pulumirpc.RunPluginRequest, stdout, stderr io.Writer,
) error {
	root := request.Info.RootDirectory
	arguments := []string{request.Info.ProgramDirectory}
	if _, err := os.Stat(filepath.Join(root, "__main__.py")); errors.Is(err, os.ErrNotExist) {
		buildable, err := toolchain.IsBuildablePackage(root)
		if err != nil {
			return err
		}
		if !buildable {
			return fmt.Errorf("%s is not a plugin: it has neither a __main__.py nor a pyproject.toml with a "+
				"project's name and a build backend", root)
		}
		described, err := toolchain.LoadPyproject(root)
		if err != nil {
			return err
		}
		arguments = []string{"-m", "pulumi.run.plugin", described.Project.Name}
	}
	cmd, err := python.Command(ctx, append(arguments, request.Args...)...)
	if err != nil {
		return err
	}
	prepare(cmd, request, request.Pwd, stdout, stderr)
	return cmd.Run()
}

// runPolicyPack runs a policy pack behind the SDK's proxy: the engine wants a port before it names the stack,
// but a pack reads the stack's configuration from its environment when it starts.
func runPolicyPack(
	ctx context.Context, python toolchain.Toolchain, request *pulumirpc.RunPluginRequest, stdout, stderr io.Writer,
) error {
	directory := request.Info.ProgramDirectory
	arguments := append([]string{"-u", "-m", "pulumi.policy"}, request.Args...)
	cmd, err := python.Command(ctx, append(arguments, directory)...)
	if err != nil {
		return err
	}
	proxy, stdout, err := sdk.NewPolicyProxy(ctx, stdout)
	if err != nil {
		return err
	}
	stack, err := proxy.AwaitConfiguration(ctx)
	if err != nil {
		return fmt.Errorf("waiting for the stack's configuration: %w", err)
	}
	prepare(cmd, request, directory, stdout, stderr)
	if stack != nil { // there is none when a pack is published
		config, err := asJSON(stack.Config)
		if err != nil {
			return err
		}
		cmd.Env = append(cmd.Env,
			"PULUMI_ORGANIZATION="+stack.Organization,
			"PULUMI_PROJECT="+stack.Project,
			"PULUMI_STACK="+stack.Stack,
			"PULUMI_DRY_RUN="+strconv.FormatBool(stack.DryRun),
			"PULUMI_CONFIG="+config,
		)
	}
	if err := cmd.Start(); err != nil {
		proxy.Abort(err)
		return err
	}
	return proxy.Attach(ctx, cmd)
}

// prepare sets what the engine asks for: the directory, the environment, and where the output goes.
func prepare(
	cmd *exec.Cmd, request *pulumirpc.RunPluginRequest, directory string, stdout, stderr io.Writer,
) {
	cmd.Env = append(cmd.Environ(), request.Env...)
	cmd.Dir = directory
	cmd.Stdout, cmd.Stderr = stdout, stderr
	cmd.WaitDelay = interruptGrace // or a grandchild that keeps the output open would keep the call open
	dieWithHost(cmd)
}
