// pulumi-resource-pulumi-python serves dynamic providers, in the Python of the project that defines them.
//
// The engine starts it in the project's directory, with the project's runtime options in its environment.
package main

import (
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

func main() {
	log.SetFlags(0)
	python := "python3"
	if virtualenv, err := virtualenv(); err != nil {
		log.Fatal(err)
	} else if virtualenv != "" {
		bin := filepath.Join(virtualenv, "bin")
		python = filepath.Join(bin, "python")
		os.Setenv("PATH", bin+string(os.PathListSeparator)+os.Getenv("PATH"))
		os.Setenv("VIRTUAL_ENV", virtualenv)
		os.Unsetenv("PYTHONHOME")
	}
	program, err := exec.LookPath(python)
	if err != nil {
		log.Fatalf("no Python for dynamic providers: %v; run `pulumi install`", err)
	}
	arguments := append([]string{program, "-u", "-m", "pulumi.dynamic"}, os.Args[1:]...)
	log.Fatal(syscall.Exec(program, arguments, os.Environ()))
}

// virtualenv returns the absolute path of the project's virtualenv, or "" if it uses the ambient Python.
func virtualenv() (string, error) {
	path := os.Getenv("PULUMI_RUNTIME_VIRTUALENV")
	if path == "" {
		switch os.Getenv("PULUMI_RUNTIME_TOOLCHAIN") {
		case "uv":
			path = ".venv"
		case "poetry":
			output, err := exec.Command("poetry", "env", "info", "--path").Output()
			if err != nil {
				return "", err
			}
			path = strings.TrimSpace(string(output))
		}
	}
	if path == "" {
		return "", nil
	}
	return filepath.Abs(path)
}
