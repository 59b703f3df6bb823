/* Layouts of ABI 0.1 on 64-bit machines. Fields are only ever appended: nothing here may change, sizes apart. */
#include <groma.h>
#include <stddef.h>

#define AT(type, field, offset) _Static_assert(offsetof(type, field) == (offset), #type "." #field)

AT(groma_column_t, struct_size, 0);
AT(groma_column_t, element_type, 4);
AT(groma_column_t, name, 8);
AT(groma_column_t, data, 16);
AT(groma_column_t, stride_bytes, 24);
_Static_assert(sizeof(groma_column_t) >= 32, "groma_column_t");

AT(groma_points_t, struct_size, 0);
AT(groma_points_t, coordinate_type, 4);
AT(groma_points_t, count, 8);
AT(groma_points_t, x, 16);
AT(groma_points_t, y, 24);
AT(groma_points_t, z, 32);
AT(groma_points_t, x_stride_bytes, 40);
AT(groma_points_t, y_stride_bytes, 48);
AT(groma_points_t, z_stride_bytes, 56);
AT(groma_points_t, scale, 64);
AT(groma_points_t, offset, 88);
AT(groma_points_t, resolution, 112);
AT(groma_points_t, columns, 120);
AT(groma_points_t, column_count, 128);
_Static_assert(sizeof(groma_points_t) >= 136, "groma_points_t");

AT(groma_classify_options_t, struct_size, 0);
AT(groma_classify_options_t, threads, 4);
AT(groma_classify_options_t, search, 8);
AT(groma_classify_options_t, probabilities, 12);
AT(groma_classify_options_t, write_confidence, 16);
AT(groma_classify_options_t, write_entropy, 20);
AT(groma_classify_options_t, point_format, 24);
AT(groma_classify_options_t, overwrite, 28);
AT(groma_classify_options_t, block_size_m, 32);
AT(groma_classify_options_t, linear_unit_m, 40);
AT(groma_classify_options_t, keep_classes, 48);
AT(groma_classify_options_t, keep_class_count, 56);
AT(groma_classify_options_t, cancel, 64);
AT(groma_classify_options_t, progress, 72);
AT(groma_classify_options_t, progress_user, 80);
AT(groma_classify_options_t, dtm, 88);
_Static_assert(sizeof(groma_classify_options_t) >= 96, "groma_classify_options_t");

AT(groma_features_options_t, struct_size, 0);
AT(groma_features_options_t, threads, 4);
AT(groma_features_options_t, search, 8);
AT(groma_features_options_t, reserved, 12);
AT(groma_features_options_t, block_size_m, 16);
AT(groma_features_options_t, linear_unit_m, 24);
AT(groma_features_options_t, cancel, 32);
AT(groma_features_options_t, progress, 40);
AT(groma_features_options_t, progress_user, 48);
AT(groma_features_options_t, dtm, 56);
_Static_assert(sizeof(groma_features_options_t) >= 64, "groma_features_options_t");

/* A DLTensor, which never changes. */
AT(groma_tensor_t, data, 0);
AT(groma_tensor_t, device.device_type, 8);
AT(groma_tensor_t, device.device_id, 12);
AT(groma_tensor_t, ndim, 16);
AT(groma_tensor_t, dtype.code, 20);
AT(groma_tensor_t, dtype.bits, 21);
AT(groma_tensor_t, dtype.lanes, 22);
AT(groma_tensor_t, shape, 24);
AT(groma_tensor_t, strides, 32);
AT(groma_tensor_t, byte_offset, 40);
_Static_assert(sizeof(groma_tensor_t) == 48, "groma_tensor_t");

AT(groma_filter_options_t, struct_size, 0);
AT(groma_filter_options_t, threads, 4);
AT(groma_filter_options_t, search, 8);
AT(groma_filter_options_t, voxel_keep, 12);
AT(groma_filter_options_t, mark, 16);
AT(groma_filter_options_t, overwrite, 20);
AT(groma_filter_options_t, neighbors, 24);
AT(groma_filter_options_t, multiplier, 32);
AT(groma_filter_options_t, radius_m, 40);
AT(groma_filter_options_t, voxel_size_m, 48);
AT(groma_filter_options_t, count, 56);
AT(groma_filter_options_t, fraction, 64);
AT(groma_filter_options_t, start_row, 72);
AT(groma_filter_options_t, seed, 80);
AT(groma_filter_options_t, linear_unit_m, 88);
AT(groma_filter_options_t, cancel, 96);
AT(groma_filter_options_t, progress, 104);
AT(groma_filter_options_t, progress_user, 112);
_Static_assert(sizeof(groma_filter_options_t) >= 120, "groma_filter_options_t");

int groma_layout_is_released;

AT(groma_ground_options_t, struct_size, 0);
AT(groma_ground_options_t, threads, 4);
AT(groma_ground_options_t, height, 8);
AT(groma_ground_options_t, keep_others, 12);
AT(groma_ground_options_t, point_format, 16);
AT(groma_ground_options_t, overwrite, 20);
AT(groma_ground_options_t, cell_m, 24);
AT(groma_ground_options_t, window_m, 32);
AT(groma_ground_options_t, slope, 40);
AT(groma_ground_options_t, max_tolerance_m, 48);
AT(groma_ground_options_t, tolerance_m, 56);
AT(groma_ground_options_t, tolerance_slope, 64);
AT(groma_ground_options_t, linear_unit_m, 72);
AT(groma_ground_options_t, ignore_classes, 80);
AT(groma_ground_options_t, ignore_class_count, 88);
AT(groma_ground_options_t, dtm, 96);
AT(groma_ground_options_t, dtm_cell_m, 104);
AT(groma_ground_options_t, cancel, 112);
AT(groma_ground_options_t, progress, 120);
AT(groma_ground_options_t, progress_user, 128);
_Static_assert(sizeof(groma_ground_options_t) >= 136, "groma_ground_options_t");

AT(groma_features_file_options_t, struct_size, 0);
AT(groma_features_file_options_t, threads, 4);
AT(groma_features_file_options_t, search, 8);
AT(groma_features_file_options_t, point_format, 12);
AT(groma_features_file_options_t, overwrite, 16);
AT(groma_features_file_options_t, reserved, 20);
AT(groma_features_file_options_t, block_size_m, 24);
AT(groma_features_file_options_t, linear_unit_m, 32);
AT(groma_features_file_options_t, cancel, 40);
AT(groma_features_file_options_t, progress, 48);
AT(groma_features_file_options_t, progress_user, 56);
AT(groma_features_file_options_t, dtm, 64);
_Static_assert(sizeof(groma_features_file_options_t) >= 72, "groma_features_file_options_t");
