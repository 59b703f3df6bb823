// Runs the shared vectors of the project through this package: vectors VECTORS_DIR [--case NAME]
//
// Prints `ok NAME` or `FAILED NAME: step 3 groma_...: reason` for each case, and how many; ends with 1 if any failed. Cases
// with an environment of their own run in a child process.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// inChild tells a child that its environment is in place.
const inChild = "GROMA_VECTORS_CHILD"

// testCase is a case.json.
type testCase struct {
	About       string             `json:"about"`
	Needs       string             `json:"needs"`
	Environment map[string]*string `json:"environment"`
	Steps       []map[string]any   `json:"steps"`
}

func main() {
	arguments := os.Args[1:]
	if len(arguments) != 1 && (len(arguments) != 3 || arguments[1] != "--case") {
		fmt.Fprintln(os.Stderr, "usage: vectors VECTORS_DIR [--case NAME]")
		os.Exit(2)
	}
	folder, err := filepath.Abs(arguments[0])
	if err != nil {
		fmt.Fprintln(os.Stderr, "vectors:", err)
		os.Exit(2)
	}
	if err := readConstants(filepath.Join(folder, "..", "..", "bindings", "api.json")); err != nil {
		fmt.Fprintln(os.Stderr, "vectors:", err)
		os.Exit(2)
	}
	if os.Getenv(placeVariables["runtime"]) == "" {
		os.Setenv(placeVariables["runtime"], os.Getenv("GROMA_ONNXRUNTIME"))
	}
	cases, _ := filepath.Glob(filepath.Join(folder, "*", "case.json"))
	passed, failed := 0, 0
	for _, path := range cases {
		name := filepath.Base(filepath.Dir(path))
		if len(arguments) == 3 && arguments[2] != name {
			continue
		}
		switch skipped, err := runFile(folder, name, path); {
		case skipped != "":
			fmt.Printf("skipped %s: %s\n", name, skipped)
		case err != nil:
			failed++
			fmt.Printf("FAILED %s: %v\n", name, err)
		default:
			passed++
			fmt.Printf("ok %s\n", name)
		}
	}
	fmt.Printf("%d passed, %d failed\n", passed, failed)
	if failed > 0 || len(cases) == 0 {
		os.Exit(1)
	}
}

func runFile(folder, name, path string) (skipped string, err error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	var c testCase
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	if err := decoder.Decode(&c); err != nil {
		return "", err
	}
	switch c.Needs {
	case "":
	case "debug":
		if os.Getenv("GROMA_VECTORS_RELEASE") == "1" {
			return "the library is a release build", nil
		}
	case "no_runtime":
		if os.Getenv(placeVariables["lonely"]) == "" {
			return placeVariables["lonely"] + " is not set", nil
		}
	default:
		return "", fmt.Errorf("it needs %q, which this runner does not know", c.Needs)
	}
	if c.Environment != nil && os.Getenv(inChild) == "" {
		return "", runChild(folder, name, c.Environment)
	}
	return "", runCase(folder, name, &c)
}

func runChild(folder, name string, environment map[string]*string) error {
	child := exec.Command(os.Args[0], folder, "--case", name)
	child.Env = append(child.Env, inChild+"=1")
	for _, variable := range os.Environ() {
		if key, _, _ := strings.Cut(variable, "="); !has(environment, key) {
			child.Env = append(child.Env, variable)
		}
	}
	for key, value := range environment {
		if value != nil {
			text, err := resolve(*value, map[string]string{"vectors": folder, "models": models(folder)})
			if err != nil {
				return err
			}
			child.Env = append(child.Env, key+"="+text)
		}
	}
	output, err := child.CombinedOutput()
	if err == nil {
		return nil
	}
	for _, line := range strings.Split(string(output), "\n") {
		if reason := strings.TrimPrefix(line, "FAILED "+name+": "); reason != line {
			return fmt.Errorf("%s", reason)
		}
	}
	return fmt.Errorf("the child process ended with %v: %s", err, output)
}

func has(environment map[string]*string, key string) bool {
	_, there := environment[key]
	return there
}
