@main struct Agent { static func main() { print("apus") } }
