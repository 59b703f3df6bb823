package main

import (
	"context"
	"strings"

	"groma"
)

var background = context.Background()

// workCalls are features, ground, filters and neighbours of points.
var workCalls = map[string]function{
	"groma_features_compute": func(s *step) (reply, error) {
		points, options := get[*groma.Points](s, "points"), get[*groma.FeaturesOptions](s, "options")
		features, err := groma.ComputeFeatures(background, points, s.text("schema"), options)
		return gives("features", features, err)
	},
	"groma_features_rows": func(s *step) (reply, error) { return says(get[*groma.Features](s, "features").Rows()) },
	"groma_features_columns": func(s *step) (reply, error) {
		return says(len(get[*groma.Features](s, "features").Columns()))
	},
	"groma_features_column_name": func(s *step) (reply, error) {
		return at(get[*groma.Features](s, "features").Columns(), s)
	},
	"groma_features_values": func(s *step) (reply, error) {
		features := get[*groma.Features](s, "features")
		return says(matrix(features.Values(), int64(features.Rows()), int64(len(features.Columns()))))
	},
	"groma_features_tensor": func(s *step) (reply, error) {
		tensor, err := get[*groma.Features](s, "features").Tensor()
		if err != nil {
			return reply{}, err
		}
		return says(described(tensor))
	},
	"groma_features_value": func(s *step) (reply, error) {
		value, err := get[*groma.Features](s, "features").Value()
		return gives("value", value, err)
	},
	"groma_features_schema_hash": func(s *step) (reply, error) {
		return says(get[*groma.Features](s, "features").SchemaHash())
	},
	"groma_features_schema_json": func(s *step) (reply, error) {
		return says(string(get[*groma.Features](s, "features").Schema()))
	},
	"groma_schema_describe": func(s *step) (reply, error) {
		text, err := groma.DescribeSchema(s.text("schema"))
		return gives("json", text, err)
	},
	"groma_ground_points": func(s *step) (reply, error) {
		ground, err := groma.FindGround(background, get[*groma.Points](s, "points"), get[*groma.GroundOptions](s, "options"))
		return gives("ground", ground, err)
	},
	"groma_ground_count":        func(s *step) (reply, error) { return says(get[*groma.Ground](s, "ground").Len()) },
	"groma_ground_found":        func(s *step) (reply, error) { return says(get[*groma.Ground](s, "ground").Found()) },
	"groma_ground_outside_hull": func(s *step) (reply, error) { return says(get[*groma.Ground](s, "ground").OutsideHull()) },
	"groma_ground_classes":      func(s *step) (reply, error) { return says(row(get[*groma.Ground](s, "ground").Classes())) },
	"groma_ground_heights":      func(s *step) (reply, error) { return says(row(get[*groma.Ground](s, "ground").Heights())) },
	"groma_filter_points": func(s *step) (reply, error) {
		points, options := get[*groma.Points](s, "points"), get[*groma.FilterOptions](s, "options")
		filtered, err := groma.FilterPoints(background, points, groma.Filter(s.whole("filter")), options)
		return gives("filtered", filtered, err)
	},
	"groma_filtered_count": func(s *step) (reply, error) { return says(get[*groma.Filtered](s, "filtered").Len()) },
	"groma_filtered_rows":  func(s *step) (reply, error) { return says(row(get[*groma.Filtered](s, "filtered").Rows())) },
	"groma_filtered_mask": func(s *step) (reply, error) {
		return says(row(get[*groma.Filtered](s, "filtered").Mask()))
	},
	"groma_filtered_positions": func(s *step) (reply, error) {
		filtered := get[*groma.Filtered](s, "filtered")
		return says(matrix(filtered.Positions(), int64(filtered.Len()), 3))
	},
	"groma_filtered_threshold_m": func(s *step) (reply, error) {
		return says(get[*groma.Filtered](s, "filtered").ThresholdM())
	},
	"groma_neighbors_nearest": func(s *step) (reply, error) {
		points, options := get[*groma.Points](s, "points"), get[*groma.NeighborsOptions](s, "options")
		neighbors, err := groma.Nearest(background, points, s.whole("k"), options)
		return gives("neighbors", neighbors, err)
	},
	"groma_neighbors_within": func(s *step) (reply, error) {
		points, options := get[*groma.Points](s, "points"), get[*groma.NeighborsOptions](s, "options")
		neighbors, err := groma.Within(background, points, s.number("radius_m"), options)
		return gives("neighbors", neighbors, err)
	},
	"groma_neighbors_count": func(s *step) (reply, error) { return says(get[*groma.Neighbors](s, "neighbors").Len()) },
	"groma_neighbors_total": func(s *step) (reply, error) { return says(get[*groma.Neighbors](s, "neighbors").Total()) },
	"groma_neighbors_offsets": func(s *step) (reply, error) {
		return says(row(get[*groma.Neighbors](s, "neighbors").Offsets()))
	},
	"groma_neighbors_indices": func(s *step) (reply, error) {
		return says(row(get[*groma.Neighbors](s, "neighbors").Indices()))
	},
	"groma_neighbors_distances": func(s *step) (reply, error) {
		return says(row(get[*groma.Neighbors](s, "neighbors").Distances()))
	},
	"groma_neighbors_value": func(s *step) (reply, error) {
		value, err := get[*groma.Neighbors](s, "neighbors").Value(groma.NeighborsOutput(s.whole("output")))
		return gives("value", value, err)
	},
}

// fileCalls make files of files, and read and write them.
var fileCalls = map[string]function{
	"groma_classify_file": func(s *step) (reply, error) {
		model, options := get[*groma.Model](s, "model"), get[*groma.ClassifyOptions](s, "options")
		summary, err := model.ClassifyFile(background, s.text("input"), s.text("output"), options)
		return gives("summary", summary, err)
	},
	"groma_run_open": func(s *step) (reply, error) {
		model, classify := get[*groma.Model](s, "model"), get[*groma.ClassifyOptions](s, "classify")
		inputs := strings.Split(s.text("inputs"), "\n")
		run, err := model.OpenRun(inputs, s.text("output"), classify, get[*groma.RunOptions](s, "options"))
		return gives("run", run, err)
	},
	"groma_run_tile_count": func(s *step) (reply, error) { return says(get[*groma.Run](s, "run").Len()) },
	"groma_run_describe": func(s *step) (reply, error) {
		text, err := get[*groma.Run](s, "run").Describe()
		return gives("json", text, err)
	},
	"groma_run_index": func(s *step) (reply, error) {
		run, options := get[*groma.Run](s, "run"), get[*groma.RunOptions](s, "options")
		return reply{}, run.Index(background, uint64(s.whole("tile")), options)
	},
	"groma_run_tile": func(s *step) (reply, error) {
		run, options := get[*groma.Run](s, "run"), get[*groma.RunOptions](s, "options")
		summary, err := run.Make(background, uint64(s.whole("tile")), options)
		return gives("summary", summary, err)
	},
	"groma_run_finish": func(s *step) (reply, error) {
		return reply{}, get[*groma.Run](s, "run").Finish()
	},
	"groma_run_execute": func(s *step) (reply, error) {
		summary, err := get[*groma.Run](s, "run").Execute(background, get[*groma.RunOptions](s, "options"))
		return gives("summary", summary, err)
	},
	"groma_features_file": func(s *step) (reply, error) {
		options := get[*groma.FeaturesFileOptions](s, "options")
		summary, err := groma.FeaturesFile(background, s.text("schema"), s.text("input"), s.text("output"), options)
		return gives("summary", summary, err)
	},
	"groma_ground_file": func(s *step) (reply, error) {
		options := get[*groma.GroundOptions](s, "options")
		summary, err := groma.GroundFile(background, s.text("input"), s.text("output"), options)
		return gives("summary", summary, err)
	},
	"groma_filter_file": func(s *step) (reply, error) {
		filter, options := groma.Filter(s.whole("filter")), get[*groma.FilterOptions](s, "options")
		summary, err := groma.FilterFile(background, s.text("input"), s.text("output"), filter, options)
		return gives("summary", summary, err)
	},
	"groma_summary_points": func(s *step) (reply, error) { return says(get[*groma.Summary](s, "summary").Points()) },
	"groma_summary_class_points": func(s *step) (reply, error) {
		return says(get[*groma.Summary](s, "summary").ClassPoints(uint8(s.whole("asprs"))))
	},
	"groma_summary_mean_confidence": func(s *step) (reply, error) {
		return says(get[*groma.Summary](s, "summary").MeanConfidence())
	},
	"groma_summary_total_s": func(s *step) (reply, error) {
		return says(get[*groma.Summary](s, "summary").Total().Seconds())
	},
	"groma_summary_json": func(s *step) (reply, error) { return says(string(get[*groma.Summary](s, "summary").JSON())) },
	"groma_filter_summary_points": func(s *step) (reply, error) {
		return says(get[*groma.FilterSummary](s, "summary").Points())
	},
	"groma_filter_summary_written": func(s *step) (reply, error) {
		return says(get[*groma.FilterSummary](s, "summary").Written())
	},
	"groma_filter_summary_marked": func(s *step) (reply, error) {
		return says(get[*groma.FilterSummary](s, "summary").Marked())
	},
	"groma_filter_summary_json": func(s *step) (reply, error) {
		return says(string(get[*groma.FilterSummary](s, "summary").JSON()))
	},
	"groma_las_describe": func(s *step) (reply, error) {
		text, err := groma.DescribeLAS(s.text("path"))
		return gives("json", text, err)
	},
	"groma_las_read": func(s *step) (reply, error) {
		var columns []string
		if s.arguments["columns"] != nil {
			columns = []string{}
			if text := s.text("columns"); text != "" {
				columns = strings.Split(text, ",")
			}
		}
		cloud, err := groma.ReadLAS(background, s.text("path"), columns, get[*groma.LASOptions](s, "options"))
		return gives("cloud", cloud, err)
	},
	"groma_las_write": func(s *step) (reply, error) {
		points, options := get[*groma.Points](s, "points"), get[*groma.LASOptions](s, "options")
		return reply{}, groma.WriteLAS(background, points, s.text("path"), options)
	},
	"groma_cloud_count":         func(s *step) (reply, error) { return says(get[*groma.Cloud](s, "cloud").Len()) },
	"groma_cloud_column_count":  func(s *step) (reply, error) { return says(len(get[*groma.Cloud](s, "cloud").Columns())) },
	"groma_cloud_column_name":   func(s *step) (reply, error) { return at(get[*groma.Cloud](s, "cloud").Columns(), s) },
	"groma_cloud_linear_unit_m": func(s *step) (reply, error) { return says(get[*groma.Cloud](s, "cloud").LinearUnitM()) },
	"groma_cloud_crs_wkt": func(s *step) (reply, error) {
		wkt := get[*groma.Cloud](s, "cloud").CRSWKT()
		return nullable(wkt, wkt != "")
	},
	"groma_cloud_points": func(s *step) (reply, error) {
		points, err := get[*groma.Cloud](s, "cloud").Points()
		return gives("points", points, err)
	},
	"groma_cloud_value": func(s *step) (reply, error) {
		value, err := get[*groma.Cloud](s, "cloud").Value(s.text("column"))
		return gives("value", value, err)
	},
}
