import CallModel
import Foundation
import Glibc
import PolicyEngine

/// A copy of a policy directory whose loopback address is another, free one.
///
/// The whole of 127.0.0.0/8 is loopback: with another address of it every port keeps its number, and the copy stays
/// readable. Only the address 127.0.0.1 is replaced, so that nothing that listens elsewhere is ever served twice.
struct PrivatePolicies {
  let directory: String
  let policies: String
  let state: String
  let log: String
  let snapshot: PolicySnapshot
  let address: IPAddress

  init(copying source: String) throws {
    directory = try TemporaryDirectory.make("tandem-demo")
    policies = directory + "/policies"
    state = directory + "/var"
    log = directory + "/tandem.log"
    do {
      (snapshot, address) = try PrivatePolicies.copy(source, to: policies)
    } catch {
      try? FileManager.default.removeItem(atPath: directory)
      throw error
    }
  }

  private static func copy(_ source: String, to target: String) throws -> (PolicySnapshot, IPAddress) {
    let original = PolicyLoader.load(directory: source)
    guard let loaded = original.snapshot else {
      throw DemoFailure(
        "the policies in “\(source)” cannot be used: \(original.errors.first?.description ?? "")")
    }
    let listeners = loaded.policy.globals.sip.listeners.map(\.address)
    let loopback = IPAddress.loopbackIPv4
    guard !listeners.isEmpty, listeners.allSatisfy({ $0.ip == loopback }) else {
      throw DemoFailure("the demo moves listeners at 127.0.0.1 only; those of “\(source)” are elsewhere")
    }
    let ports = Set(listeners.map(\.port))
    guard let (address, moves) = freePlace(ports: ports) else {
      throw DemoFailure("no loopback address has free ports for the listeners \(ports.sorted())")
    }
    let files = FileManager.default
    try files.createDirectory(atPath: target, withIntermediateDirectories: false)
    // Files that are included, and lists, may stand further down.
    for name in try files.subpathsOfDirectory(atPath: source) {
      var isDirectory = ObjCBool(false)
      guard files.fileExists(atPath: "\(source)/\(name)", isDirectory: &isDirectory) else { continue }
      if isDirectory.boolValue {
        try files.createDirectory(atPath: "\(target)/\(name)", withIntermediateDirectories: true)
      } else if name.hasSuffix(".yaml") || name.hasSuffix(".yml") {
        let text = try String(contentsOfFile: "\(source)/\(name)", encoding: .utf8)
        try moved(text, to: address, moves).write(
          toFile: "\(target)/\(name)", atomically: false, encoding: .utf8)
      } else {
        try files.copyItem(atPath: "\(source)/\(name)", toPath: "\(target)/\(name)")
      }
    }
    let copied = PolicyLoader.load(directory: target)
    guard let snapshot = copied.snapshot else {
      throw DemoFailure("the moved copy cannot be used: \(copied.errors.first?.description ?? "")")
    }
    return (snapshot, address)
  }

  /// Replaces the whole address 127.0.0.1, and not the beginning of 127.0.0.10 or of 127.0.0.1/32.
  static func moved(_ text: String, to address: IPAddress, _ ports: [UInt16: UInt16] = [:]) -> String {
    let text = ports.reduce(text) { text, move in
      text.replacing("127.0.0.1:\(move.key)\"", with: "127.0.0.1:\(move.value)\"")
    }
    return text.replacing(/(?<before>^|[^0-9.])127\.0\.0\.1(?<after>$|[^0-9.\/])/.anchorsMatchLineEndings()) {
      "\($0.output.before)\(address)\($0.output.after)"
    }
  }

  /// An address of 127.0.0.0/8 on which nobody uses these ports, by UDP or TCP. Where somebody uses them on every address at
  /// once, other ports take their place.
  private static func freePlace(ports: Set<UInt16>) -> (IPAddress, [UInt16: UInt16])? {
    for attempt in 0..<64 {
      let address = IPAddress.v4(0x7f00_0000 | UInt32.random(in: 0x01_0002..<0xfe_fffe))
      let base = UInt16.random(in: 20_000..<30_000)
      let moves = attempt < 8 ? [] : ports.sorted().enumerated().map { ($1, base + UInt16(clamping: $0)) }
      let wanted = moves.isEmpty ? Array(ports) : moves.map(\.1)
      if wanted.allSatisfy({ isFree(address, $0, SOCK_DGRAM) && isFree(address, $0, SOCK_STREAM) }) {
        return (address, Dictionary(uniqueKeysWithValues: moves))
      }
    }
    return nil
  }

  private static func isFree(_ address: IPAddress, _ port: UInt16, _ type: __socket_type) -> Bool {
    guard case .v4(let value) = address else { return false }
    let socket = Glibc.socket(AF_INET, Int32(type.rawValue), 0)
    guard socket >= 0 else { return false }
    defer { close(socket) }
    var name = sockaddr_in()
    name.sin_family = sa_family_t(AF_INET)
    name.sin_port = port.bigEndian
    name.sin_addr.s_addr = value.bigEndian
    return withUnsafePointer(to: name) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(socket, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
      }
    }
  }

  func remove() { try? FileManager.default.removeItem(atPath: directory) }
}
