import JSONText

/// Where a participant's media goes (routing reference §14).
public struct MediaLocation: Hashable, Sendable {
  public var location: String
  /// Taken in order when the location has no capacity.
  public var overflowLocations: [String]

  public init(location: String, overflowLocations: [String] = []) {
    self.location = location
    self.overflowLocations = overflowLocations
  }
}

extension FieldReader {
  /// Nil, and noted why, unless every location in it is configured.
  mutating func mediaLocation(_ node: JSONNode?, _ path: String = "result") -> MediaLocation? {
    guard let node else {
      note(path, .missing)
      return nil
    }
    guard let members = members(node, path) else { return nil }
    func given(_ key: String) -> JSONNode? { members[key].flatMap { $0.value == .null ? nil : $0 } }
    guard let first = given("location") else {
      note("\(path).location", .missing)
      return nil
    }
    if first.value == .string("") { note("\(path).location", .empty) }
    let location = name(first, "\(path).location", .location)
    var overflow: [String] = []
    if let list = given("overflow_locations"),
      let items = self.list(list, "\(path).overflow_locations", limit: FieldReader.maximumOverflowLocations)
    {
      for (i, item) in items.enumerated() {
        if let name = name(item, "\(path).overflow_locations[\(i)]", .location) { overflow.append(name) }
      }
    }
    // The keys of older servers, after what the list names.
    for key in ["primary_overflow_location", "secondary_overflow_location"] {
      if let old = given(key), let name = name(old, "\(path).\(key)", .location), !overflow.contains(name) {
        overflow.append(name)
      }
    }
    let known: Set = [
      "location", "overflow_locations", "primary_overflow_location", "secondary_overflow_location",
    ]
    for key in members.keys.sorted() where !known.contains(key) {
      note(FieldReader.path(path, key), .unknownField, .note)
    }
    guard let location, !hasErrors else { return nil }
    return MediaLocation(location: location, overflowLocations: overflow)
  }

  static let maximumOverflowLocations = 100
}
