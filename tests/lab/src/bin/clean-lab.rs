//! Removes what runs that were killed have left behind; what runs that go on need stays.

fn main() {
    lab::cleanup::sweep();
}
