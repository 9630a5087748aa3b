/// Names a policy by its content: the same files give the same version on every node.
public struct PolicyVersion: Hashable, Sendable, CustomStringConvertible {
  /// 64 bits of a hash over the names and bytes of all files.
  public let hash: UInt64

  public init(hash: UInt64) { self.hash = hash }

  /// Hashes files in the order of their names (FNV-1a, 64 bits, with the lengths mixed in).
  public init(files: [(name: String, bytes: [UInt8])]) {
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    func mix(_ bytes: some Sequence<UInt8>) {
      for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
    }
    for file in files.sorted(by: { $0.name < $1.name }) {
      for part in [Array(file.name.utf8), file.bytes] {
        mix(withUnsafeBytes(of: UInt64(part.count).littleEndian, Array.init))
        mix(part)
      }
    }
    self.hash = hash
  }

  /// Twelve hexadecimal digits.
  public var description: String {
    let digits = String(hash >> 16, radix: 16)
    return String(repeating: "0", count: 12 - digits.count) + digits
  }
}
