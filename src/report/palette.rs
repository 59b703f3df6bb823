//! Names and colours of the ASPRS classes, and the colour ramps.

/// Red, green, blue.
pub type Color = [u8; 3];

/// Name of an ASPRS class for people; codes without a name of their own are `class`.
#[must_use]
pub fn class_name(class: u8) -> &'static str {
    match class {
        0 => "Never classified",
        1 => "Unclassified",
        2 => "Ground",
        3 => "Low vegetation",
        4 => "Medium vegetation",
        5 => "High vegetation",
        6 => "Building",
        7 => "Low noise",
        8 => "Key point",
        9 => "Water",
        10 => "Rail",
        11 => "Road",
        12 => "Overlap",
        13 => "Guard wire",
        14 => "Conductor wire",
        15 => "Tower",
        16 => "Wire connector",
        17 => "Bridge",
        18 => "High noise",
        19 => "Overhead structure",
        20 => "Ignored ground",
        21 => "Snow",
        22 => "Temporal exclusion",
        23..=63 => "Reserved",
        64.. => "User defined",
    }
}

/// Colour of an ASPRS class in plan views.
#[must_use]
pub fn class_color(class: u8) -> Color {
    match class {
        0 => [150, 152, 156],
        1 => [186, 187, 189],
        2 => [191, 160, 120],
        3 => [176, 208, 112],
        4 => [116, 176, 82],
        5 => [46, 125, 62],
        6 => [219, 92, 56],
        7 | 18 => [214, 38, 160],
        8 => [160, 120, 80],
        9 => [70, 138, 201],
        10 => [120, 96, 140],
        11 => [120, 122, 130],
        12 => [205, 196, 170],
        13 | 14 | 16 => [245, 196, 40],
        15 => [98, 84, 160],
        17 => [88, 110, 128],
        19 => [150, 98, 112],
        20 => [170, 140, 100],
        21 => [226, 238, 246],
        22 => [110, 110, 110],
        // Neighbouring codes get different hues.
        23.. => {
            const OWN: [Color; 6] =
                [[0, 158, 150], [200, 110, 170], [96, 150, 220], [222, 150, 80], [140, 170, 60], [150, 110, 200]];
            OWN[usize::from(class) % OWN.len()]
        }
    }
}

/// A ramp of colours over 0…1: stops of (position, colour), ascending.
#[derive(Clone, Copy, Debug)]
pub struct Ramp(&'static [(f32, Color)]);

/// From low to high land.
pub const HEIGHT: Ramp = Ramp(&[
    (0.0, [52, 84, 104]),
    (0.25, [84, 140, 116]),
    (0.5, [186, 196, 128]),
    (0.75, [228, 182, 120]),
    (1.0, [250, 244, 234]),
]);

/// From doubt to certainty.
pub const CONFIDENCE: Ramp = Ramp(&[
    (0.25, [122, 22, 92]),
    (0.5, [212, 72, 72]),
    (0.7, [244, 160, 74]),
    (0.85, [250, 222, 142]),
    (0.95, [134, 204, 176]),
    (1.0, [36, 128, 124]),
]);

/// From small to large: dark to bright, and readable by the colour-blind.
pub const VALUES: Ramp = Ramp(&[
    (0.0, [40, 22, 78]),
    (0.25, [44, 84, 142]),
    (0.5, [34, 144, 140]),
    (0.75, [122, 196, 92]),
    (1.0, [250, 228, 72]),
]);

/// From negative through 0 to positive.
pub const DIVERGING: Ramp = Ramp(&[
    (0.0, [28, 62, 130]),
    (0.25, [108, 156, 204]),
    (0.5, [240, 238, 230]),
    (0.75, [222, 142, 104]),
    (1.0, [136, 28, 44]),
]);

impl Ramp {
    /// The colour at `t`; beyond the ends, that of the end.
    #[must_use]
    pub fn at(self, t: f32) -> Color {
        let stops = self.0;
        let (first, last) = (stops[0], stops[stops.len() - 1]);
        if t.is_nan() || t <= first.0 {
            return first.1;
        }
        for pair in stops.windows(2) {
            let ((t0, a), (t1, b)) = (pair[0], pair[1]);
            if t <= t1 {
                let f = (t - t0) / (t1 - t0);
                return std::array::from_fn(|c| lerp(a[c], b[c], f));
            }
        }
        last.1
    }

    /// The stops, for a legend.
    #[must_use]
    pub fn stops(self) -> &'static [(f32, Color)] {
        self.0
    }
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // between two bytes
fn lerp(a: u8, b: u8, f: f32) -> u8 {
    (f32::from(a) + (f32::from(b) - f32::from(a)) * f).round() as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ramps_meet_their_stops() {
        assert_eq!(HEIGHT.at(-1.0), [52, 84, 104]);
        assert_eq!(HEIGHT.at(0.5), [186, 196, 128]);
        assert_eq!(HEIGHT.at(f32::NAN), [52, 84, 104]);
        assert_eq!(CONFIDENCE.at(2.0), [36, 128, 124]);
    }

    #[test]
    fn the_usual_classes_look_different() {
        let usual = [1u8, 2, 3, 4, 5, 6, 7, 9, 14, 15, 17];
        for a in usual {
            for b in usual.into_iter().filter(|b| *b != a) {
                let (p, q) = (class_color(a), class_color(b));
                let distance: i32 = (0..3).map(|c| (i32::from(p[c]) - i32::from(q[c])).abs()).sum();
                assert!(distance > 60, "{a} and {b}: {distance}");
            }
        }
    }
}
