"""SOQL: text -> tokens -> syntax -> closures over rows -> result records (SF 3)."""
