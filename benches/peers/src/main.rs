//! Prints the table, and writes it into the README beside this package and into `docs/field.svg`.

fn main() {
    peers::run();
}
