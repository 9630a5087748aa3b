extension OfferAnswer {
  /// Streams laid into the `m=` lines of one dialog, and which went where.
  public struct Placement: Hashable, Sendable {
    /// What to offer.
    public var offer: MediaDescription
    /// For each stream of the wanted description its index in ``offer``; nil when it was disabled and has no line.
    public var slots: [Int?]

    /// The answer to ``offer`` in the order of the wanted description, with the streams that had no line disabled.
    public func restored(_ answer: MediaDescription, like wanted: MediaDescription) -> MediaDescription {
      var result = answer
      result.streams = wanted.streams.enumerated().map { i, stream in
        guard i < slots.count, let slot = slots[i], slot < answer.streams.count else {
          return stream.disabled()
        }
        return answer.streams[slot]
      }
      return result
    }
  }

  /// A later offer in a dialog (RFC 3264 §8): it keeps every `m=` line of the previous description in its place.
  ///
  /// Each wanted stream goes to the line that carried it; a line that nobody wants gets port 0 (§8.2); a new stream takes a
  /// disabled line, best of its own kind, before one is added at the end (§8.1). A payload type that meant another format on
  /// the line is not used again for a new one (§8.3.2). With no previous description this makes a first offer without dead lines.
  ///
  /// - Parameters:
  ///   - wanted: What should be offered now, in any order.
  ///   - previous: What was last offered or answered by us in the dialog.
  public static func reoffer(
    changing wanted: MediaDescription, from previous: MediaDescription
  ) -> Placement {
    var slots = [Int?](repeating: nil, count: wanted.streams.count)
    var taken = [Bool](repeating: false, count: previous.streams.count)
    for rule in SlotRule.allCases {
      for (i, stream) in wanted.streams.enumerated() where slots[i] == nil {
        // A disabled stream needs no line; it only keeps the one that is evidently its own.
        if !stream.isEnabled, rule.isReuse { continue }
        let free = previous.streams.indices.first { slot in
          !taken[slot] && rule.allows(stream, i, in: previous.streams[slot], slot)
        }
        if let free {
          slots[i] = free
          taken[free] = true
        }
      }
    }
    var offer = wanted
    offer.streams = previous.streams.map { $0.disabled() }
    for (i, stream) in wanted.streams.enumerated() {
      if let slot = slots[i] {
        offer.streams[slot] = stream.keepingPayloadTypes(of: previous.streams[slot])
      } else if stream.isEnabled {
        slots[i] = offer.streams.count
        offer.streams.append(stream)
      }
    }
    return Placement(offer: offer, slots: slots)
  }

  /// In which order lines are sought for a stream.
  private enum SlotRule: CaseIterable {
    case sameName, samePlace, samePurpose, disabledOfKind, disabled

    var isReuse: Bool { self == .disabledOfKind || self == .disabled }

    func allows(_ stream: MediaStream, _ index: Int, in line: MediaStream, _ slot: Int) -> Bool {
      let isSame =
        stream.kind == line.kind && stream.isPresentation == line.isPresentation
        && stream.profile.isSameTransport(as: line.profile)
      switch self {
      case .sameName: return isSame && stream.mid != nil && stream.mid == line.mid
      case .samePlace: return isSame && index == slot
      case .samePurpose: return isSame && line.isEnabled
      case .disabledOfKind: return !line.isEnabled && stream.kind == line.kind
      case .disabled: return !line.isEnabled
      }
    }
  }
}

extension MediaStream {
  /// The stream with numbers that do not contradict what the line's numbers have meant.
  func keepingPayloadTypes(of line: MediaStream) -> MediaStream {
    let clashes = codecs.contains { codec in
      line.codecs.contains {
        $0.payloadType == codec.payloadType && !$0.name.isEmpty
          && codec.counterpart(in: [$0], among: [codec]) == nil
          && codec.associatedPayloadType == nil
      }
    }
    guard clashes else { return self }
    var numbers: [UInt8: UInt8] = [:]
    var taken = Set(line.codecs.map(\.payloadType))
    for codec in codecs {
      if let known = codec.counterpart(in: line.codecs, among: codecs),
        !numbers.values.contains(known.payloadType)
      {
        numbers[codec.payloadType] = known.payloadType
      }
    }
    for codec in codecs where numbers[codec.payloadType] == nil {
      guard let free = MediaStream.freePayloadType(codec.payloadType, taken) else { continue }
      taken.insert(free)
      numbers[codec.payloadType] = free
    }
    return renumbered(numbers)
  }
}
