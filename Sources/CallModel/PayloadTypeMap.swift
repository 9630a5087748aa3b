/// How the payload types of packets change on their way from one side to the other.
///
/// A sender uses the numbers of the description it was given, a receiver expects the numbers of the description it gave
/// (RFC 3264 §5.1, §6.1). A relay that joins two negotiations rewrites the one to the other.
public struct PayloadTypeMap: Hashable, Sendable {
  /// 128 entries; 0xff where packets of that type have no receiver.
  private let table: [UInt8]
  /// Whether every type that may pass keeps its number.
  public let isIdentity: Bool

  /// - Parameters:
  ///   - told: The formats of the description that the sender was given.
  ///   - expected: The formats of the description that the receiver gave.
  public init(from told: [Codec], to expected: [Codec]) {
    var table = [UInt8](repeating: 0xff, count: 128)
    var isIdentity = true
    for codec in told where codec.payloadType < 128 {
      guard let target = codec.counterpart(in: expected, among: told), target.payloadType < 128 else {
        continue
      }
      table[Int(codec.payloadType)] = target.payloadType
      if target.payloadType != codec.payloadType { isIdentity = false }
    }
    self.table = table
    self.isIdentity = isIdentity
  }

  /// The number to send on; nil when the receiver did not agree to the format.
  public subscript(_ payloadType: UInt8) -> UInt8? {
    guard payloadType < 128 else { return nil }
    let target = table[Int(payloadType)]
    return target == 0xff ? nil : target
  }

  /// Whether any packet may pass at all.
  public var isEmpty: Bool { table.allSatisfy { $0 == 0xff } }
}

extension MediaStream {
  /// The stream with the payload types that the other uses for the same formats; `apt`, `red` lists and the like follow.
  ///
  /// An answer from one leg is renumbered like the offer of the other before it is passed on, since RFC 3264 §6.1 wants the
  /// offerer's numbers and many endpoints rely on it.
  public func renumbered(like other: MediaStream) -> MediaStream {
    var numbers: [UInt8: UInt8] = [:]
    var taken = Set<UInt8>()
    for codec in codecs {
      guard let match = codec.counterpart(in: other.codecs, among: codecs) else { continue }
      if taken.insert(match.payloadType).inserted { numbers[codec.payloadType] = match.payloadType }
    }
    for codec in codecs where numbers[codec.payloadType] == nil {
      guard let free = MediaStream.freePayloadType(codec.payloadType, taken) else { continue }
      taken.insert(free)
      numbers[codec.payloadType] = free
    }
    return renumbered(numbers)
  }

  /// The wanted number if it is free, else a dynamic one (RFC 3551 §6), else one of the unassigned range 35 to 63.
  static func freePayloadType(_ wanted: UInt8, _ taken: Set<UInt8>) -> UInt8? {
    if !taken.contains(wanted) { return wanted }
    return (96...127).first { !taken.contains($0) } ?? (35...63).first { !taken.contains($0) }
  }

  func renumbered(_ numbers: [UInt8: UInt8]) -> MediaStream {
    var result = self
    result.codecs = codecs.compactMap { codec in
      guard let number = numbers[codec.payloadType] else { return nil }
      var codec = codec
      codec.payloadType = number
      if codec.associatedPayloadType != nil || codec.name.lowercased() == "red" {
        codec.parameters = codec.parameters.map { MediaStream.renumber($0, numbers) }
      }
      return codec
    }
    for i in result.attributes.indices {
      let name = result.attributes[i].name
      guard name == "imageattr" || name == "framesize", let value = result.attributes[i].value,
        let blank = value.firstIndex(of: " "), let old = UInt8(value[..<blank]), let new = numbers[old]
      else { continue }
      result.attributes[i].value = "\(new)\(value[blank...])"
    }
    return result
  }

  /// `apt=96;rtx-time=3000` and `111/111`.
  private static func renumber(_ parameters: String, _ numbers: [UInt8: UInt8]) -> String {
    let replaced = { (text: Substring) in UInt8(text).flatMap { numbers[$0] }.map(String.init) ?? String(text)
    }
    return parameters.split(separator: ";", omittingEmptySubsequences: false).map { part in
      if part.lowercased().hasPrefix("apt=") { return "apt=\(replaced(part.dropFirst(4)))" }
      if part.contains("=") { return String(part) }
      return part.split(separator: "/", omittingEmptySubsequences: false).map(replaced).joined(separator: "/")
    }.joined(separator: ";")
  }
}
