// swift-tools-version:6.2
import PackageDescription

// Fuzz targets live in a package of their own: they have no `main` unless libFuzzer is linked in, so a plain
// build of the product must not see them. To add one: a folder in Sources with one file that exports
// LLVMFuzzerTestOneInput, a line here, and where it helps a folder in Seeds and a file in Dictionaries, all
// under the target's name.
let fuzzers: [(name: String, product: String)] = [
  ("FuzzSIPMessage", "SIP"),
  ("FuzzSIPURI", "SIP"),
  ("FuzzSIPStream", "SIP"),
  ("FuzzTransactions", "SIP"),
  ("FuzzSDP", "SDP"),
  ("FuzzRTP", "MediaRelay"),
  ("FuzzSoundFile", "Codecs"),
  ("FuzzAudioPackets", "AudioMixing"),
  ("FuzzPolicyYAML", "PolicyEngine"),
  ("FuzzPolicyScript", "PolicyScript"),
  ("FuzzPolicyAnswer", "PolicyHooks"),
]

let package = Package(
  name: "tandem-fuzz",
  dependencies: [.package(name: "tandem", path: "..")],
  targets: fuzzers.map { fuzzer in
    .executableTarget(
      name: fuzzer.name,
      dependencies: [.product(name: fuzzer.product, package: "tandem")],
      swiftSettings: [.unsafeFlags(["-parse-as-library"]), .treatAllWarnings(as: .error)])
  },
  swiftLanguageModes: [.v6]
)
