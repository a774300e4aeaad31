package main

import (
	"context"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"

	"google.golang.org/grpc"
)

// interruptGrace is the time for an interrupted program to end before it is killed.
const interruptGrace = 5 * time.Second

// bound returns a context that ends with the call, and when the host cancels what it runs.
func (h *host) bound(call context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(call)
	stop := context.AfterFunc(h.running, cancel)
	return ctx, func() { stop(); cancel() }
}

// interruptible makes the end of a command's context interrupt it, so that it can clean up.
func interruptible(cmd *exec.Cmd) {
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = interruptGrace
}

// dieWithHost makes the kernel kill a process when the host ends, however that comes about.
func dieWithHost(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}

// serial lets a process's two outputs share a stream, on which only one message may be sent at a time.
type serial[Response any] struct {
	grpc.ServerStreamingServer[Response]
	mutex sync.Mutex
}

func (s *serial[Response]) Send(response *Response) error {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.ServerStreamingServer.Send(response)
}
