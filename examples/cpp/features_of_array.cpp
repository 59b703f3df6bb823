/// Computes features of points that a program holds as an array of structs: features_of_array [SCHEMA]
///
/// The points are a flat roof above flat ground, made here; for each column its smallest, mean and largest value is printed.
///
///   c++ -std=c++17 -Iinclude examples/cpp/features_of_array.cpp -Ltarget/release -lgroma -Wl,-rpath,$PWD/target/release
#include <algorithm>
#include <cstdio>
#include <groma.hpp>

struct Point {
    double x, y, z;
};

static std::vector<Point> scene() {
    constexpr int side = 60;
    std::vector<Point> points;
    for (int i = 0; i < side * side; i++) {
        const double x = 0.5 * (i % side), y = 0.5 * (i / side);
        const bool roof = x >= 10 && x < 20 && y >= 10 && y < 20;
        points.push_back({x, y, 0.01 * (i * 7919 % 13) + (roof ? 6.0 : 0.0)});
    }
    return points;
}

int main(int argc, char **argv) {
    try {
        const std::vector<Point> own = scene();
        groma::Points points(own.size());
        points.x(&own[0].x, sizeof(Point)).y(&own[0].y, sizeof(Point)).z(&own[0].z, sizeof(Point));
        points.resolution(0.01); // of the data; nothing moves
        const char *schema = argc > 1 ? argv[1] : "planarity@k20, normal_z@k20, vertical_range@r1.0";
        const auto features = groma::compute_features(points, schema);
        for (std::size_t column = 0; column < features.columns(); column++) {
            double least = static_cast<double>(features.row(0)[column]), most = least, sum = 0;
            for (std::size_t row = 0; row < features.rows(); row++) {
                const auto value = static_cast<double>(features.row(row)[column]);
                least = std::min(least, value);
                most = std::max(most, value);
                sum += value;
            }
            const std::string name(features.column_name(column));
            std::printf("%s %.6f %.6f %.6f\n", name.c_str(), least, sum / static_cast<double>(features.rows()), most);
        }
    } catch (const groma::Error &error) {
        std::fprintf(stderr, "features_of_array: %s (status %d)\n", error.what(), static_cast<int>(error.status()));
        return 1;
    }
}
