extension Codec {
  /// Whether packets of one may be handed to the other unchanged: same encoding, clock rate and channels, and equal in
  /// those parameters that define the bit stream. Payload type numbers, levels and wishes do not count.
  ///
  /// Retransmission formats (RFC 4588) are equal by name here; which format they repeat is looked at by ``counterpart(in:among:)``.
  public func isSameFormat(as other: Codec) -> Bool {
    guard clockRate == other.clockRate, channels == other.channels, !name.isEmpty else { return false }
    guard hasName(of: other) else { return false }
    if parameters == other.parameters { return true }
    let key = name.lowercased()
    let a = FormatParameters(parameters)
    let b = FormatParameters(other.parameters)
    switch key {
    // RFC 6184 §8.2.2: level may differ, profile and packetization mode may not.
    case "h264":
      return (a.number("packetization-mode") ?? 0) == (b.number("packetization-mode") ?? 0)
        && H264Profile(a["profile-level-id"]) == H264Profile(b["profile-level-id"])
    case "h265":  // RFC 7798 §7.2.2
      return (a.number("profile-id") ?? 1) == (b.number("profile-id") ?? 1)
        && (a["tx-mode"] ?? "SRST") == (b["tx-mode"] ?? "SRST")
    case "vp9":  // RFC 9628 §6
      return (a.number("profile-id") ?? 0) == (b.number("profile-id") ?? 0)
    case "av1":
      return (a.number("profile") ?? 0) == (b.number("profile") ?? 0)
    case "amr", "amr-wb":  // RFC 4867 §8.3: these change the payload's layout.
      return (a.number("octet-align") ?? 0) == (b.number("octet-align") ?? 0)
        && (a.number("crc") ?? 0) == (b.number("crc") ?? 0)
        && (a.number("robust-sorting") ?? 0) == (b.number("robust-sorting") ?? 0)
        && a["interleaving"] == b["interleaving"]
    // RFC 5577 §4: the bit rate is the codec; Siren 14 at 24, 32 and 48 kbit/s are three formats.
    case "g7221":
      return a.number("bitrate") == b.number("bitrate")
    case "mpeg4-generic":  // RFC 3640 §4.1
      return a["mode"]?.lowercased() == b["mode"]?.lowercased()
        && a["config"]?.lowercased() == b["config"]?.lowercased()
    case "mp4a-latm":  // RFC 6416 §7.3
      return a.number("object") == b.number("object")
        && a["config"]?.lowercased() == b["config"]?.lowercased()
        && (a.number("cpresent") ?? 1) == (b.number("cpresent") ?? 1)
    default:
      return true
    }
  }

  /// Without case, byte by byte: this runs for every pair of formats.
  private func hasName(of other: Codec) -> Bool {
    guard name != other.name else { return true }
    guard name.utf8.count == other.name.utf8.count else { return false }
    return zip(name.utf8, other.name.utf8).allSatisfy { a, b in
      a == b || (a ^ b == 0x20 && (0x61...0x7a).contains(a | 0x20))
    }
  }

  /// The payload type that a retransmission format repeats (RFC 4588 §8.1).
  public var associatedPayloadType: UInt8? {
    guard name.utf8.count == 3, name.lowercased() == "rtx" else { return nil }
    return FormatParameters(parameters).number("apt").flatMap { UInt8(exactly: $0) }
  }

  /// Whether the format carries media of its own, and not events, silence, redundancy or repair of another.
  public var isPrimary: Bool {
    switch name.lowercased() {
    case "telephone-event", "cn", "rtx", "red", "ulpfec", "flexfec", "flexfec-03", "parityfec", "tone", "":
      false
    default: true
    }
  }

  /// The format of `others` that is the same as this one of `own`: the one with the same payload type if several are.
  public func counterpart(in others: [Codec], among own: [Codec]) -> Codec? {
    if let apt = associatedPayloadType {
      guard let base = own.first(where: { $0.payloadType == apt && $0.associatedPayloadType == nil }),
        let otherBase = base.counterpart(in: others, among: own)
      else { return nil }
      return others.first { $0.associatedPayloadType == otherBase.payloadType && $0.clockRate == clockRate }
    }
    var found: Codec?
    for other in others where isSameFormat(as: other) {
      if other.payloadType == payloadType { return other }
      if found == nil { found = other }
    }
    return found
  }
}

/// The profile half of `profile-level-id` (RFC 6184 §8.1, table 5).
enum H264Profile: Equatable {
  /// Baseline and Constrained Baseline as one: the tools that Baseline has in addition are used by no endpoint, while peers
  /// name the two profiles for each other freely.
  case baseline
  case main
  case extended
  case high
  case constrainedHigh
  case other(UInt8, UInt8)

  /// Without the parameter Baseline is to be inferred.
  init(_ profileLevelID: String?) {
    guard let text = profileLevelID, text.utf8.count == 6, let value = UInt32(text, radix: 16) else {
      self = .baseline
      return
    }
    let idc = UInt8(truncatingIfNeeded: value >> 16)
    let flags = UInt8(truncatingIfNeeded: value >> 8)
    switch idc {
    case 0x42: self = .baseline
    case 0x4d: self = flags & 0x80 != 0 ? .baseline : .main
    case 0x58: self = flags & 0x80 != 0 ? .baseline : .extended
    case 0x64: self = flags == 0 ? .high : flags == 0x0c ? .constrainedHigh : .other(idc, flags)
    default: self = .other(idc, flags)
    }
  }
}
