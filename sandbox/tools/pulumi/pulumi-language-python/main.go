// pulumi-language-python runs Pulumi programs, policy packs and component packages written in Python.
//
// The language host that Pulumi releases under this name is not a Go module of the proxy. This one is a thin
// server over the libraries that it consists of: Pulumi's SDK for the project's Python, its code generator.
//
// Usage: pulumi-language-python [-tracing ENDPOINT] [ENGINE]. It prints a port and serves the engine on it.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"os"
	"os/signal"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/common/util/logging"
	"github.com/pulumi/pulumi/sdk/v3/go/common/util/rpcutil"
	"github.com/pulumi/pulumi/sdk/v3/go/common/version"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/grpc"
)

const (
	// healthInterval is how long the host may outlive an engine that was killed.
	healthInterval = 5 * time.Minute
	// shutdownLimit is the time for the calls in progress to return; the engine kills the host after 5 seconds.
	shutdownLimit = time.Second
)

func main() {
	log.SetFlags(0)
	tracing := flag.String("tracing", "", "the endpoint to which the program sends its traces")
	showVersion := flag.Bool("version", false, "print the version and exit")
	flag.Parse()
	if *showVersion {
		fmt.Println(version.Version)
		return
	}
	logging.InitLogging(false, 0, false)
	if err := serve(flag.Arg(0), *tracing); err != nil {
		log.Fatal(err)
	}
}

// serve answers the engine until SIGINT, or until the engine is gone.
func serve(engine, tracing string) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if engine != "" {
		if err := rpcutil.Healthcheck(ctx, engine, healthInterval, stop); err != nil {
			return fmt.Errorf("watching the engine at %s: %w", engine, err)
		}
	}
	shutdown := make(chan bool)
	context.AfterFunc(ctx, func() { close(shutdown) })
	running, cancel := context.WithCancel(ctx)
	defer cancel()
	server, err := rpcutil.ServeWithOptions(rpcutil.ServeOptions{
		Cancel: shutdown,
		Init: func(server *grpc.Server) error {
			pulumirpc.RegisterLanguageRuntimeServer(server, &host{
				engine: engine, tracing: tracing, running: running, cancel: cancel,
			})
			return nil
		},
	})
	if err != nil {
		return err
	}
	fmt.Println(server.Port)
	select {
	case err = <-server.Done:
		return err
	case <-ctx.Done():
	}
	select {
	case err = <-server.Done:
	case <-time.After(shutdownLimit): // what still runs is killed with its parent
	}
	return err
}
