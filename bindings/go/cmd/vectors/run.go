package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"

	"groma"
)

// placeVariables are environment variables that say where things of the machine are.
var placeVariables = map[string]string{
	"runtime":     "GROMA_VECTORS_RUNTIME",
	"old_runtime": "GROMA_VECTORS_OLD_RUNTIME",
	"lonely":      "GROMA_VECTORS_LONELY",
}

func models(folder string) string { return filepath.Join(filepath.Dir(folder), "models") }

// resolve fills in ${...}.
func resolve(text string, places map[string]string) (string, error) {
	var resolved strings.Builder
	for {
		before, after, found := strings.Cut(text, "${")
		resolved.WriteString(before)
		if !found {
			return resolved.String(), nil
		}
		name, rest, _ := strings.Cut(after, "}")
		place := places[name]
		if place == "" {
			place = os.Getenv(placeVariables[name])
		}
		if place == "" {
			return "", fmt.Errorf("nothing is known as ${%s}", name)
		}
		resolved.WriteString(place)
		text = rest
	}
}

// run is a case while it runs.
type run struct {
	places map[string]string
	input  map[string]tensor
	output map[string]tensor
	things map[string]any
	log    []string
	// Whether a progress function was called since the last call.
	heard bool
}

// mistake is something wrong with a case, or with this runner.
type mistake struct{ reason string }

func (m mistake) Error() string { return m.reason }

func fault(format string, arguments ...any) { panic(mistake{fmt.Sprintf(format, arguments...)}) }

func runCase(folder, name string, c *testCase) (err error) {
	tmp, err := os.MkdirTemp("", "groma-vectors-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	r := &run{
		places: map[string]string{"tmp": tmp, "vectors": folder, "models": models(folder)},
		things: map[string]any{},
	}
	if r.input, err = readTensors(filepath.Join(folder, name, "in.safetensors")); err != nil {
		return err
	}
	if r.output, err = readTensors(filepath.Join(folder, name, "out.safetensors")); err != nil {
		return err
	}
	defer func() {
		for _, thing := range r.things {
			closeThing(thing)
		}
	}()
	for i, arguments := range c.Steps {
		name, _ := arguments["call"].(string)
		if err := r.step(&step{run: r, call: name, arguments: arguments}); err != nil {
			return fmt.Errorf("step %d %s: %w", i, name, err)
		}
	}
	return nil
}

func closeThing(thing any) {
	if handle, ok := thing.(interface{ Close() error }); ok {
		handle.Close()
	}
}

func (r *run) step(s *step) (err error) {
	defer func() {
		switch panicked := recover().(type) {
		case nil:
		case mistake:
			err = panicked
		default:
			err = fmt.Errorf("panic: %v\n%s", panicked, debug.Stack())
		}
	}()
	if s.arguments["native"] == false {
		return nil
	}
	function := calls[s.call]
	if function == nil {
		return mistake{"this runner does not know the function"}
	}
	reply, err := function(s)
	if fails, ok := s.arguments["fails"].(map[string]any); ok {
		return s.failed(fails, err)
	}
	if err != nil {
		return err
	}
	if err := s.listened(); err != nil {
		return err
	}
	for parameter, variable := range s.object("gives") {
		thing, ok := reply.gives[parameter]
		if !ok {
			return fmt.Errorf("it does not give %q", parameter)
		}
		r.things[variable.(string)] = thing
	}
	if wanted, ok := s.arguments["logs"].(string); ok && !strings.Contains(strings.Join(r.log, "\n"), wanted) {
		return fmt.Errorf("the log does not say %q, but %q", wanted, r.log)
	}
	if defaults, ok := s.arguments["expect_defaults"].(map[string]any); ok {
		if err := s.sameFields(defaults, reply.fields); err != nil {
			return err
		}
	}
	if expected, ok := s.arguments["expect"]; ok {
		if !reply.says {
			return errors.New("it says nothing that could be compared")
		}
		return s.compare(expected, reply.value)
	}
	return nil
}

func (s *step) failed(fails map[string]any, err error) error {
	wanted := fails["status"].(string)
	var failed *groma.Error
	if !errors.As(err, &failed) {
		if err == nil {
			return fmt.Errorf("it works, expected %s", wanted)
		}
		return fmt.Errorf("%v, expected %s", err, wanted)
	}
	if failed.Status.String() != wanted {
		return fmt.Errorf("it fails with %v (%v), expected %s", failed.Status, err, wanted)
	}
	if part, ok := fails["message_contains"].(string); ok && !strings.Contains(failed.Message, s.resolved(part)) {
		return fmt.Errorf("its message is %q, expected %q in it", failed.Message, part)
	}
	if end, ok := fails["subject_ends_with"].(string); ok && !strings.HasSuffix(failed.Subject, s.resolved(end)) {
		return fmt.Errorf("its subject is %q, expected it to end with %q", failed.Subject, end)
	}
	if variable, ok := s.object("gives")["error"].(string); ok {
		s.run.things[variable] = failed
	}
	return nil
}

// step is a step of a case.
type step struct {
	run       *run
	call      string
	arguments map[string]any
}

// reply is what a call gave.
type reply struct {
	gives  map[string]any
	value  any
	says   bool
	fields map[string]any
}

func says(value any) (reply, error) { return reply{value: value, says: true}, nil }

// gives is the reply of a call that makes something.
func gives[T any](parameter string, thing T, err error) (reply, error) {
	if err != nil {
		return reply{}, err
	}
	return reply{gives: map[string]any{parameter: thing}}, nil
}

func (s *step) resolved(text string) string {
	resolved, err := resolve(text, s.run.places)
	if err != nil {
		fault("%v", err)
	}
	return resolved
}

func (s *step) object(name string) map[string]any {
	object, _ := s.arguments[name].(map[string]any)
	return object
}

// text is a string, or the text of a JSON object; empty if it is not there.
func (s *step) text(name string) string {
	switch value := s.arguments[name].(type) {
	case nil:
		return ""
	case string:
		return s.resolved(value)
	case map[string]any:
		text, _ := json.Marshal(value)
		return string(text)
	}
	fault("%s is no string", name)
	return ""
}

// texts is a list of strings; nil if it is not there.
func (s *step) texts(name string) []string {
	if s.arguments[name] == nil {
		return nil
	}
	texts := []string{}
	for _, value := range s.list(name) {
		text, ok := value.(string)
		if !ok {
			fault("%s is no list of strings", name)
		}
		texts = append(texts, text)
	}
	return texts
}

func (s *step) list(name string) []any {
	if s.arguments[name] == nil {
		return nil
	}
	list, ok := s.arguments[name].([]any)
	if !ok {
		fault("%s is no list", name)
	}
	return list
}

// number is a number or a constant; 0 if it is not there.
func (s *step) number(name string) float64 {
	return number(s.arguments[name])
}

func (s *step) whole(name string) int { return int(s.number(name)) }

func number(value any) float64 {
	switch value := value.(type) {
	case nil:
		return 0
	case json.Number:
		number, err := value.Float64()
		if err != nil {
			fault("%v is no number", value)
		}
		return number
	case string:
		return float64(constant(value))
	}
	fault("%v is no number", value)
	return 0
}

// get is the thing that a step before has given; a nil one if the argument is not there.
func get[T any](s *step, name string) T {
	var none T
	if s.arguments[name] == nil {
		return none
	}
	return named[T](s.run, s.arguments[name])
}

func named[T any](r *run, reference any) T {
	thing, ok := r.things[nameOf(reference)].(T)
	if !ok {
		fault("%v is not what is wanted here, but %T", reference, r.things[nameOf(reference)])
	}
	return thing
}

// nameOf is the name in a reference, $name.
func nameOf(reference any) string {
	name, _ := reference.(string)
	return strings.TrimPrefix(name, "$")
}

// tensor is @in:NAME.
func (s *step) tensor(place any) tensor {
	name, _ := place.(string)
	found, ok := s.run.input[strings.TrimPrefix(name, "@in:")]
	if !ok {
		fault("in.safetensors has no %v", place)
	}
	return found
}

// bytes are those of a file or a tensor.
func (s *step) bytes(name string) []byte {
	place, _ := s.arguments[name].(string)
	path := strings.TrimPrefix(place, "@file:")
	if path == place {
		return s.tensor(place).data
	}
	data, err := os.ReadFile(s.resolved(path))
	if err != nil {
		fault("%v", err)
	}
	return data
}
