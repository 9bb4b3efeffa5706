//! Prints the table, and writes it into the README of this package and into `docs/field.svg`.

fn main() {
    peers::run();
}
