package main

import (
	"reflect"
	"strings"

	"groma"
)

// defaults make the options structs of this package.
var defaults = map[string]func() any{
	"groma_classify_options_init":      func() any { return groma.DefaultClassifyOptions() },
	"groma_features_options_init":      func() any { return groma.DefaultFeaturesOptions() },
	"groma_features_file_options_init": func() any { return groma.DefaultFeaturesFileOptions() },
	"groma_ground_options_init":        func() any { return groma.DefaultGroundOptions() },
	"groma_filter_options_init":        func() any { return groma.DefaultFilterOptions() },
	"groma_neighbors_options_init":     func() any { return groma.DefaultNeighborsOptions() },
	"groma_las_options_init":           func() any { return groma.DefaultLASOptions() },
	"groma_model_options_init":         func() any { return groma.DefaultModelOptions() },
	"groma_network_options_init":       func() any { return groma.DefaultNetworkOptions() },
	"groma_network_run_options_init":   func() any { return groma.DefaultNetworkRunOptions() },
	"groma_run_options_init":           func() any { return groma.DefaultRunOptions() },
}

// plainName is the name of a field as both C and Go write it: point_format and PointFormat.
func plainName(name string) string { return strings.ToLower(strings.ReplaceAll(name, "_", "")) }

// initOptions makes an options struct and sets what the step says.
func initOptions(s *step) (reply, error) {
	options := defaults[s.call]()
	fields := fieldsOf(options)
	struct_ := reflect.ValueOf(options).Elem()
	for name, value := range s.object("options") {
		field := struct_.FieldByNameFunc(func(field string) bool { return plainName(field) == plainName(name) })
		if !field.IsValid() {
			fault("%T has no field %s", options, name)
		}
		s.set(field, name, value)
	}
	return reply{gives: map[string]any{"options": options}, fields: fields}, nil
}

func (s *step) set(field reflect.Value, name string, value any) {
	switch {
	case name == "cancel":
		field.Set(reflect.ValueOf(named[*groma.Cancel](s.run, value)))
	case name == "progress":
		field.Set(reflect.ValueOf(s.listener(value.(string))))
	case field.Kind() == reflect.Bool:
		field.SetBool(number(value) != 0)
	case field.Kind() == reflect.String:
		field.SetString((&step{run: s.run, arguments: map[string]any{name: value}}).text(name))
	case field.Kind() == reflect.Slice && field.Type().Elem().Kind() == reflect.Uint8:
		classes := []uint8{}
		for _, class := range value.([]any) {
			classes = append(classes, uint8(number(class)))
		}
		field.SetBytes(classes)
	case field.Kind() == reflect.Slice:
		field.Set(reflect.ValueOf((&step{run: s.run, arguments: map[string]any{name: value}}).texts(name)))
	default:
		field.Set(reflect.ValueOf(number(value)).Convert(field.Type()))
	}
}

// listener is a progress function of a case; listeners remember whether they were called.
func (s *step) listener(what string) groma.Progress {
	return func(groma.Stage, uint64, uint64) error {
		s.run.heard = true
		if what == "stop" {
			return errStop
		}
		return nil
	}
}

// listened says whether a callback that the options of a call have was called.
func (s *step) listened() error {
	heard := s.run.heard
	s.run.heard = false
	name, _ := s.arguments["options"].(string)
	options, ok := s.run.things[strings.TrimPrefix(name, "$")]
	if !ok || heard {
		return nil
	}
	if progress := reflect.ValueOf(options).Elem().FieldByName("Progress"); progress.IsValid() && !progress.IsNil() {
		return mistake{"the progress function was not called"}
	}
	return nil
}

// fieldsOf are the fields of a struct by their plain names; lists have a count beside them, as in C.
func fieldsOf(options any) map[string]any {
	fields := map[string]any{}
	struct_ := reflect.ValueOf(options).Elem()
	for i := 0; i < struct_.NumField(); i++ {
		name, value := plainName(struct_.Type().Field(i).Name), struct_.Field(i)
		switch value.Kind() {
		case reflect.Slice:
			singular := strings.TrimSuffix(strings.TrimSuffix(name, "s"), "e")
			fields[singular+"count"], fields[strings.TrimSuffix(name, "s")+"count"] = value.Len(), value.Len()
			fallthrough
		case reflect.Pointer, reflect.Func:
			if value.IsNil() {
				fields[name] = nil
				continue
			}
			fields[name] = value.Interface()
		case reflect.String:
			fields[name] = value.Interface()
			if value.Len() == 0 {
				fields[name] = nil
			}
		default:
			fields[name] = value.Interface()
		}
	}
	return fields
}

// initPoints makes points of the tensors that the step names.
func initPoints(s *step) (reply, error) {
	points := groma.DefaultPoints()
	fields := map[string]any{
		"coordinatetype": points.X.ElementType(), "count": points.Len(), "resolution": points.Resolution,
		"scale": list(points.Scale), "offset": list(points.Offset), "x": nil, "y": nil, "z": nil,
		"columns": nil, "columncount": len(points.Columns), "xstridebytes": 0, "ystridebytes": 0, "zstridebytes": 0,
	}
	for name, value := range s.object("points") {
		switch name {
		case "x":
			points.X = s.array(value)
		case "y":
			points.Y = s.array(value)
		case "z":
			points.Z = s.array(value)
		case "resolution":
			points.Resolution = number(value)
		case "scale", "offset":
			triple := map[string]*[3]float64{"scale": &points.Scale, "offset": &points.Offset}[name]
			for i, one := range value.([]any) {
				triple[i] = number(one)
			}
		case "columns":
			for column, place := range value.(map[string]any) {
				points.Columns[column] = s.array(place)
			}
		case "coordinate_type", "count":
			// They follow from the arrays.
		default:
			fault("points have no field %s", name)
		}
	}
	return reply{gives: map[string]any{"points": points}, fields: fields}, nil
}

func list(triple [3]float64) any {
	return []any{triple[0], triple[1], triple[2]}
}

// array is @in:NAME, or one column of it.
func (s *step) array(place any) groma.Array {
	start, step := 0, 1
	if object, ok := place.(map[string]any); ok {
		place, start = object["tensor"], int(number(object["column"]))
		step = int(s.tensor(place).shape[1])
	}
	array, err := s.tensor(place).elements(start, step)
	if err != nil {
		fault("%v", err)
	}
	return array
}

// sameFields compares the fields of a fresh struct; what C alone has (its size, what is reserved) is left out.
func (s *step) sameFields(expected, found map[string]any) error {
	for name, value := range expected {
		if name == "struct_size" || name == "reserved" || name == "progress_user" {
			continue
		}
		field, ok := found[plainName(name)]
		if !ok {
			fault("there is no field %s", name)
		}
		if text, ok := value.(string); ok && strings.HasPrefix(text, "GROMA_") {
			value = constant(text)
		}
		if err := s.subset(value, field, "/"+name); err != nil {
			return err
		}
	}
	return nil
}
