package main

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"reflect"
	"strings"
)

// constants are those of the header, by name.
var constants map[string]int64

// readConstants reads them from the description of the interface that the bindings are made of.
func readConstants(path string) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var api struct {
		Constants []struct {
			Name  string `json:"name"`
			Value int64  `json:"value"`
		} `json:"constants"`
		Statuses []struct {
			Name  string `json:"name"`
			Value int64  `json:"value"`
		} `json:"statuses"`
	}
	if err := json.Unmarshal(data, &api); err != nil {
		return err
	}
	constants = map[string]int64{}
	for _, constant := range api.Constants {
		constants[constant.Name] = constant.Value
	}
	for _, status := range api.Statuses {
		constants["GROMA_STATUS_"+strings.TrimPrefix(status.Name, "GROMA_STATUS_")] = status.Value
	}
	return nil
}

// constant is a constant of the header that cases name.
func constant(name string) int64 {
	value, ok := constants[name]
	if !ok {
		fault("there is no constant %s", name)
	}
	return value
}

// compare holds what came against what a step expects.
func (s *step) compare(expected, found any) error {
	array, isArray := found.(tensor)
	if object, ok := expected.(map[string]any); ok {
		if place, ok := object["tensor"].(string); ok {
			wanted, ok := s.run.output[strings.TrimPrefix(place, "@out:")]
			if !ok {
				return fmt.Errorf("out.safetensors has no %s", place)
			}
			if !isArray {
				return fmt.Errorf("it gives %v, expected an array", found)
			}
			return array.difference(wanted, number(object["tolerance"]))
		}
		return s.matches(object, found)
	}
	if isArray {
		return fmt.Errorf("it gives an array, expected %v", expected)
	}
	if text, ok := expected.(string); ok {
		if _, isText := found.(string); !isText && found != nil {
			expected = constant(text)
		} else {
			expected = s.resolved(text)
		}
	}
	if list, ok := expected.([]any); ok {
		return s.subset(list, found, "")
	}
	if !same(expected, found) {
		return fmt.Errorf("it gives %v, expected %v", found, expected)
	}
	return nil
}

// matches is compare for what is said in an object.
func (s *step) matches(expected map[string]any, found any) error {
	right := false
	text, _ := found.(string)
	switch {
	case expected["json"] != nil:
		var whole any
		decoder := json.NewDecoder(strings.NewReader(text))
		decoder.UseNumber()
		if err := decoder.Decode(&whole); err != nil {
			return fmt.Errorf("it gives no JSON: %v", err)
		}
		return s.subset(expected["json"], whole, "")
	case expected["contains"] != nil:
		right = strings.Contains(text, s.resolved(expected["contains"].(string)))
	case expected["not_null"] != nil:
		right = found != nil
	case expected["at_least"] != nil:
		value, ok := plain(found)
		right = ok && value >= number(expected["at_least"])
	case expected["approx"] != nil:
		value, ok := plain(found)
		right = ok && math.Abs(value-number(expected["approx"])) <= number(expected["tolerance"])
	default:
		return mistake{fmt.Sprintf("%v is no expectation", expected)}
	}
	if !right {
		return fmt.Errorf("it gives %v, expected %v", found, expected)
	}
	return nil
}

// subset says whether everything that is expected is there.
func (s *step) subset(expected, found any, place string) error {
	switch part := expected.(type) {
	case map[string]any:
		whole, ok := found.(map[string]any)
		if !ok {
			return fmt.Errorf("the JSON has %v at %s, expected an object", found, place)
		}
		for key, value := range part {
			one, there := whole[key]
			if !there {
				return fmt.Errorf("the JSON has no %s/%s", place, key)
			}
			if err := s.subset(value, one, place+"/"+key); err != nil {
				return err
			}
		}
		return nil
	case []any:
		whole, ok := found.([]any)
		if !ok || len(whole) != len(part) {
			return fmt.Errorf("the JSON has %v at %s, expected %v", found, place, part)
		}
		for i := range part {
			if err := s.subset(part[i], whole[i], fmt.Sprintf("%s/%d", place, i)); err != nil {
				return err
			}
		}
		return nil
	case string:
		expected = s.resolved(part)
	}
	if !same(expected, found) {
		return fmt.Errorf("the JSON has %v at %s, expected %v", found, place, expected)
	}
	return nil
}

// plain is a number of any Go type; flags count as 0 and 1.
func plain(value any) (float64, bool) {
	if number, ok := value.(json.Number); ok {
		float, err := number.Float64()
		return float, err == nil
	}
	switch v := reflect.ValueOf(value); v.Kind() {
	case reflect.Bool:
		if v.Bool() {
			return 1, true
		}
		return 0, true
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return float64(v.Int()), true
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return float64(v.Uint()), true
	case reflect.Float32, reflect.Float64:
		return v.Float(), true
	}
	return 0, false
}

// same says whether two plain values are equal, numbers to nine digits.
func same(expected, found any) bool {
	if wanted, ok := plain(expected); ok {
		have, ok := plain(found)
		return ok && math.Abs(wanted-have) <= 1e-9*math.Max(math.Abs(wanted), math.Abs(have))
	}
	return reflect.DeepEqual(expected, found)
}
