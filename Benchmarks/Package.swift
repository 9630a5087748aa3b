// swift-tools-version:6.2
import PackageDescription

// Load programs, in a package of their own so that the product's build does not carry them.
let package = Package(
  name: "tandem-benchmarks",
  dependencies: [.package(name: "tandem", path: "..")],
  targets: [
    .executableTarget(name: "relaybench", dependencies: [.product(name: "MediaRelay", package: "tandem")])
  ],
  swiftLanguageModes: [.v6]
)
